"""ids that are given once

Revision: 0028, after 0027

SQLite gives the id of the newest row again when that row was deleted. So that addresses, open pages
and the journal never mean another record, these tables count their ids from now on. PostgreSQL
needs nothing: its sequences have always done so.
"""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLES = (
    "contact", "lead", "lead_stage", "task", "journal_entry", "note", "job", "dial_request",
    "browser_session", "passkey", "unreadable_request", "security_event",
)  # fmt: skip
# The fields of the journal whose values are ids, and of which table.
REFERENCES = {
    ("contact", "company"): "contact",
    ("lead", "contact"): "contact",
    ("lead", "stage"): "lead_stage",
    ("task", "contact"): "contact",
    ("task", "lead"): "lead",
    ("call", "contact"): "contact",
    ("call", "lead"): "lead",
    ("pipeline", "stage"): "lead_stage",
    ("pipeline", "order"): "lead_stage",
}
ENTRY = sa.table(
    "journal_entry",
    sa.column("id", sa.Integer),
    sa.column("record_type", sa.String),
    sa.column("record_id", sa.Integer),
    sa.column("action", sa.String),
    sa.column("changes", sa.JSON),
    sa.column("at", sa.DateTime),
)
ID, MADE_AT = sa.column("id"), sa.column("created_at", sa.DateTime)
BATCH = 1_000
PLAIN = "id INTEGER NOT NULL"
COUNTED = f"{PLAIN} PRIMARY KEY AUTOINCREMENT"


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        last = last_ids(connection)
        forget_wrong_ids(connection)
        rebuild(connection, count)
        for table, last_id in last.items():
            row = {"name": table, "seq": last_id}
            connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), row)
            connection.execute(sa.text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), row)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        rebuild(connection, do_not_count)


def last_ids(connection: sa.Connection) -> dict[str, int]:
    """Find the largest id of each table, those that only journal and notes still name included."""
    last = {
        table: connection.scalar(sa.text(f"SELECT coalesce(max(id), 0) FROM {table}"))  # noqa: S608
        for table in TABLES
    }
    for table in ("journal_entry", "note"):
        about = sa.text(f"SELECT record_type, max(record_id) FROM {table} GROUP BY 1")  # noqa: S608
        for kind, record_id in connection.execute(about):
            if kind in last:
                last[kind] = max(last[kind], record_id)
    for entry in entries(connection):
        for table, side in references(entry):
            last[table] = max(last[table], *ids_in(side))
    return last


def forget_wrong_ids(connection: sa.Connection) -> None:
    """Leave only the words where the journal names an id that another row has by now."""
    deleted: dict[int, int] = {}
    for entry in entries(connection):
        if entry.record_type == "pipeline" and entry.action == "stage_deleted":
            deleted[entry.changes["stage"]["old"].get("value")] = entry.id
    made = {
        table: dict(connection.execute(sa.select(ID, MADE_AT).select_from(sa.table(table))).all())
        for table in ("contact", "lead")
    }
    rows = []
    for entry in entries(connection):
        wrong = []
        for table, side in references(entry):
            (one, *_others) = ids_in(side)
            if table == "lead_stage":
                is_another = deleted.get(one, 0) > entry.id
            else:
                is_another = made[table].get(one, entry.at) > entry.at
            if is_another and entry.record_type != "pipeline":
                wrong.append(side)
        for side in wrong:
            del side["value"]
        if wrong:
            rows.append({"its_id": entry.id, "its_changes": entry.changes})
    if rows:
        written = ENTRY.update().where(ENTRY.c.id == sa.bindparam("its_id"))
        connection.execute(written.values(changes=sa.bindparam("its_changes")), rows)


def entries(connection: sa.Connection) -> Iterator[Any]:
    """Read the journal, some entries at a time."""
    last = 0
    while True:
        ahead = sa.select(ENTRY).where(ENTRY.c.id > last).order_by(ENTRY.c.id).limit(BATCH)
        found = connection.execute(ahead).all()
        if not found:
            return
        yield from found
        last = found[-1].id


def references(entry: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the sides of an entry's changes that name ids, with the table of each."""
    for field, change in entry.changes.items():
        table = REFERENCES.get((entry.record_type, field))
        for side in change.values() if table else ():
            if ids_in(side):
                yield table, side


def ids_in(side: dict[str, Any]) -> list[int]:
    """Read the ids of one side: one, several, or that of a call's contact and how it was found."""
    value = side.get("value")
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, int) and not isinstance(one, bool)]


def count(table: str, text: str) -> str:
    """Let a table's own text say that ids are given once."""
    key = re.compile(rf",\s*CONSTRAINT pk_{table} PRIMARY KEY \(id\)")
    return once(key, "", once(re.compile(rf"\b{PLAIN}\b"), COUNTED, text))


def do_not_count(table: str, text: str) -> str:
    """Let a table's own text say what it said before."""
    key = f",\n\tCONSTRAINT pk_{table} PRIMARY KEY (id)\n)"
    return once(re.compile(r"\s*\)\s*$"), key, once(re.compile(COUNTED), PLAIN, text))


def once(pattern: re.Pattern[str], other: str, text: str) -> str:
    """Replace what must be there once."""
    changed, times = pattern.subn(other, text)
    if times != 1:
        raise RuntimeError(f"{pattern.pattern!r} is there {times} times in {text}")
    return changed


def rebuild(connection: sa.Connection, change: Any) -> None:
    """Make the tables a second time by their own texts, so that nothing else about them changes.

    Reading them as batch mode does would write their defaults in other words. The search tables
    stay as they are: each row keeps its id.
    """
    # SQLite does not rename a table to a name that a trigger misses.
    triggers = texts(connection, "type = 'trigger'")
    for name, _text in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    for table in TABLES:
        ((_name, text),) = texts(connection, f"type = 'table' AND name = '{table}'")
        indexes = texts(connection, f"type = 'index' AND tbl_name = '{table}'")
        head = re.compile(rf'^CREATE TABLE "?{table}"?')
        connection.exec_driver_sql(once(head, f"CREATE TABLE new_{table}", change(table, text)))
        # Without those that the database computes.
        columns = connection.exec_driver_sql(f"PRAGMA table_info({table})").mappings().all()
        names = ", ".join(f'"{column["name"]}"' for column in columns)
        connection.exec_driver_sql(
            f"INSERT INTO new_{table} ({names}) SELECT {names} FROM {table}"  # noqa: S608
        )
        connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql(f"ALTER TABLE new_{table} RENAME TO {table}")
        for _name, index in indexes:
            connection.exec_driver_sql(index)
    for _name, trigger in triggers:
        connection.exec_driver_sql(trigger)


def texts(connection: sa.Connection, which: str) -> list[Any]:
    """Read names and texts of what the database holds; indexes of constraints have no text."""
    found = f"SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND {which}"  # noqa: S608
    return list(connection.exec_driver_sql(found).all())
