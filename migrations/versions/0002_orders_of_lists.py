"""orders of lists, plain marks in searched texts

Revision: 0002, after 0001
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ALIVE = "deleted_at IS NULL"
TO_DO = "completed_at IS NULL AND deleted_at IS NULL"
INDEXES = (
    ("ix_lead_recent", "lead", ["updated_at", "id"], ALIVE),
    ("ix_lead_recent_stage", "lead", ["stage_id", "updated_at", "id"], ALIVE),
    ("ix_lead_title", "lead", ["sort_title", "id"], ALIVE),
    ("ix_lead_title_responsible", "lead", ["responsible_id", "sort_title", "id"], ALIVE),
    ("ix_lead_title_stage", "lead", ["stage_id", "sort_title", "id"], ALIVE),
    ("ix_lead_value", "lead", ["sort_value", "id"], ALIVE),
    ("ix_lead_value_responsible", "lead", ["responsible_id", "sort_value", "id"], ALIVE),
    ("ix_lead_value_stage", "lead", ["stage_id", "sort_value", "id"], ALIVE),
    ("ix_task_newest", "task", ["created_at", "id"], TO_DO),
    ("ix_task_newest_assignee", "task", ["assignee_id", "created_at", "id"], TO_DO),
)
BATCH = 1_000
# How crm_app.search_text writes texts since this revision.
WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
PLAIN_MARKS = str.maketrans(dict.fromkeys("‘’ʼ´`", "'") | dict.fromkeys("‐‑‒–—―−", "-"))
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
MARKS = "".join(map(chr, PLAIN_MARKS)) + UNSEEN
SEARCHED = {"contact": ("search_text", "sort_name"), "lead": ("search_text",)}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    for name, length in (("sort_title", 200), ("sort_value", 20)):
        kind = sa.String(length=length).with_variant(
            sa.String(length=length, collation="C"), "postgresql"
        )
        # Without batch mode, which would make the table anew and drop its triggers on SQLite.
        op.add_column("lead", sa.Column(name, kind, server_default="", nullable=False))
    sort_what_is_there(op.get_bind())
    for table, names in SEARCHED.items():
        write_marks_plainly(op.get_bind(), table, names)
    for name, table, columns, condition in INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    for name, table, _columns, condition in reversed(INDEXES):
        where = sa.text(condition)
        op.drop_index(name, table_name=table, sqlite_where=where, postgresql_where=where)
    for name in ("sort_value", "sort_title"):
        op.drop_column("lead", name)


def sort_what_is_there(connection: sa.Connection) -> None:
    """Fill the new columns of the leads that there are."""
    lead = sa.table(
        "lead", *[sa.column(name) for name in ("id", "title", "value_cents", "sort_title", "sort_value")]
    )
    change = (
        lead.update()
        .where(lead.c.id == sa.bindparam("lead_id"))
        .values(sort_title=sa.bindparam("by_title"), sort_value=sa.bindparam("by_value"))
    )
    ahead = sa.select(lead.c.id, lead.c.title, lead.c.value_cents).order_by(lead.c.id).limit(BATCH)
    rows = connection.execute(ahead).all()
    while rows:
        connection.execute(
            change,
            [
                {
                    "lead_id": row.id,
                    "by_title": normalise(row.title)[:200],
                    "by_value": "" if row.value_cents is None else f"{row.value_cents:019d}",
                }
                for row in rows
            ],
        )
        rows = connection.execute(ahead.where(lead.c.id > rows[-1].id)).all()


def write_marks_plainly(connection: sa.Connection, name: str, columns: tuple[str, ...]) -> None:
    """Write those texts anew that hold marks which are another one, or none, from now on."""
    table = sa.table(name, *[sa.column(column) for column in ("id", *columns)])
    first = table.c[columns[0]]
    change = (
        table.update()
        .where(table.c.id == sa.bindparam("row_id"))
        .values({column: sa.bindparam(f"new_{column}") for column in columns})
    )
    holds_one = sa.or_(*(first.like(f"%{mark}%") for mark in MARKS))
    ahead = sa.select(table).where(holds_one).order_by(table.c.id).limit(BATCH)
    rows = connection.execute(ahead).mappings().all()
    while rows:
        connection.execute(
            change,
            [
                {"row_id": row["id"], **{f"new_{column}": normalise(row[column]) for column in columns}}
                for row in rows
            ],
        )
        rows = connection.execute(ahead.where(table.c.id > rows[-1]["id"])).mappings().all()


def normalise(text: str) -> str:
    """Lower a text, drop its accents and unseen signs, fold its white space and marks."""
    plain = re.sub(r"\s+", " ", text).translate(PLAIN_MARKS)
    decomposed = unicodedata.normalize("NFKD", plain.casefold().translate(WHOLE_LETTERS))
    bare = "".join(
        char
        for char in decomposed
        if not unicodedata.combining(char) and unicodedata.category(char) not in {"Cc", "Cf"}
    )
    return re.sub(r"\s+", " ", bare).strip()
