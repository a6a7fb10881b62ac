"""whose numbers

Revision: 0012, after 0011
"""

import json
import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FIELD = {
    "sqlite": "json_extract(data, '$.{0}')",
    "postgresql": "(CAST(data AS json) ->> '{0}')",
}
# Rows whose text may fold differently now: all others are plain small letters.
UNUSUAL = {
    "sqlite": "({0} GLOB '*[^ -~]*' OR {0} GLOB '*[A-Z]*')",
    "postgresql": "({0} COLLATE \"C\" ~ '[^ -~]|[A-Z]')",
}
SHORT = re.compile(r"[1-9][0-9]{0,4}")
BATCH = 5_000


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column("call_fact", sa.Column("known", sa.Text(), nullable=True))
    op.add_column(
        "call",
        sa.Column("outside_name", sa.String(length=60), server_default="", nullable=False),
    )
    connection = op.get_bind()
    know_extensions(connection)
    for table, key in (("contact", "sort_name"), ("lead", "sort_title")):
        fold_again(connection, table, key)
    find_by_both_writings(connection)


def know_extensions(connection: sa.Connection) -> None:
    """Say of the short numbers in older facts which were extensions, as far as anything tells."""
    field = FIELD[connection.dialect.name].format
    told = " UNION ".join(
        f"SELECT {field(name)} FROM call_fact"
        for name in ("extension", "last_extension", "transfer_from")
    )
    ours = set(connection.scalars(sa.text(f'SELECT extension FROM "user" UNION {told}')))
    ours |= set(connection.scalars(sa.text("SELECT extension FROM dial_request")))
    for listed in connection.scalars(sa.text("SELECT extensions_json FROM telephony_settings")):
        ours |= {str(number) for number in json.loads(listed)}
    caller, called = field("caller"), field("called")
    rows = connection.execute(
        sa.text(
            f"SELECT id, {caller}, {called} FROM call_fact"
            f" WHERE length({caller}) BETWEEN 1 AND 5 OR length({called}) BETWEEN 1 AND 5"
        )
    ).all()
    known = [
        {
            "id": fact_id,
            "known": json.dumps({"extensions": sorted({*sides} & ours - {None}), "numbers": []}),
        }
        for fact_id, *sides in rows
        if any(SHORT.fullmatch(side or "") for side in sides)
    ]
    write(connection, "UPDATE call_fact SET known = :known WHERE id = :id", known)


def fold_again(connection: sa.Connection, table: str, key: str) -> None:
    """Fold what is searched and sorted as this revision does."""
    unusual = UNUSUAL[connection.dialect.name].format
    rows = connection.execute(
        sa.text(
            f"SELECT id, search_text, {key} FROM {table}"
            f" WHERE {unusual('search_text')} OR {unusual(key)}"
        )
    ).all()
    changed = [
        {"id": row_id, "found_by": fold(found_by), "key": fold(sorted_by)[:200]}
        for row_id, found_by, sorted_by in rows
        if fold(found_by) != found_by or fold(sorted_by)[:200] != sorted_by
    ]
    statement = f"UPDATE {table} SET search_text = :found_by, {key} = :key WHERE id = :id"
    write(connection, statement, changed)


def find_by_both_writings(connection: sa.Connection) -> None:
    """Let numbers that their country writes in two ways be found by either."""
    rows = connection.execute(
        sa.text(
            "SELECT c.id, p.number, c.search_text FROM contact c"
            " JOIN contact_phone p ON p.contact_id = c.id"
            " WHERE p.number LIKE '+54%' OR p.number LIKE '+55%'"
            " OR p.number LIKE '+39%' OR p.number LIKE '+52%'"
        )
    ).all()
    texts: dict[int, str] = {}
    for contact_id, number, found_by in rows:
        for other in equivalents(number):
            text = texts.get(contact_id, found_by)
            if other not in text:
                texts[contact_id] = f"{text} {other}"
    changed = [{"id": contact_id, "found_by": text} for contact_id, text in texts.items()]
    write(connection, "UPDATE contact SET search_text = :found_by WHERE id = :id", changed)


def write(connection: sa.Connection, statement: str, rows: list[dict[str, object]]) -> None:
    """Run a statement for each row, some at a time."""
    for first in range(0, len(rows), BATCH):
        connection.execute(sa.text(statement), rows[first : first + BATCH])


def fold(text: str) -> str:
    """Fold as crm_app.search_text did at this revision, what is folded already."""
    for _ in range(8):
        lowered = unicodedata.normalize("NFKD", text).casefold()
        bare = "".join(
            sign
            for sign in unicodedata.normalize("NFKD", lowered)
            if not unicodedata.combining(sign) and unicodedata.category(sign) not in {"Cc", "Cf"}
        )
        folded = " ".join(bare.split())
        if folded == text:
            break
        text = folded
    return text


def equivalents(number: str) -> list[str]:
    """Give the digits of the other writings, as crm_app.phone_pairs did at this revision."""
    pairs = (
        (r"\+549(\d{10})", r"54\1"),
        (r"\+54(?!9)(\d{10})", r"549\1"),
        (r"\+55([1-9]\d)9([6-9]\d{7})", r"55\1\2"),
        (r"\+55([1-9]\d)([6-9]\d{7})", r"55\g<1>9\2"),
        (r"\+390(\d{5,10})", r"39\1"),
        (r"\+39([1-9]\d{4,9})", r"390\1"),
        (r"\+52(?:1|01|04[45])(\d{10})", r"52\1"),
        (r"\+52([2-9]\d{9})", r"521\1"),
    )
    return [re.sub(old, new, number) for old, new in pairs if re.fullmatch(old, number)]


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("call", "outside_name")
    op.drop_column("call_fact", "known")
