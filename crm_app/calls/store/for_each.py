"""One statement for many rows of values: a group of notifications is asked for in one round trip.

PostgreSQL needs more time to begin a statement than to do these. SQLite has nothing to save.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from crm_app.calls.store import hot_sql
from crm_app.calls.store.hot_sql import Statement, Values


def given(types: Mapping[str, str]) -> str:
    """Write the source of the rows, for the words FROM: columns by name and type, and `place`."""
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    return f"json_to_recordset(%(rows)s) AS given(place integer, {columns})"


def given_as(table: str) -> str:
    """Write the source of rows that have the columns of a table."""
    return f"json_populate_recordset(CAST(NULL AS {table}), %(rows)s) AS given"


def of_given(sql: str) -> str:
    """Let a statement read its values from the row that is given."""
    return re.sub(r"%\((\w+)\)s", r"given.\1", sql)


def statement(sql: str) -> Statement:
    """Make a statement of one that reads `given` rows; SQLite has none."""
    return Statement("", sql)


def is_worth_it(connection: Connection, rows: Sequence[object]) -> bool:
    """Whether one statement for all of these is quicker than one for each."""
    return len(rows) > 1 and connection.dialect.name == "postgresql"


def run(
    connection: Connection, statement: Statement, rows: Sequence[Values]
) -> list[tuple[Any, ...]]:
    """Run a statement of PostgreSQL that reads `given` rows; each gets its `place`, from 0."""
    text = json.dumps([{**row, "place": n} for n, row in enumerate(rows)], default=_moment)
    return hot_sql.run(connection, statement, {"rows": text})


_FACT = {
    "pbx_call_id": "text", "kind": "text", "content_key": "text", "received_at": "timestamptz",
    "extension": "text", "data": "text", "raw": "text",
}  # fmt: skip
# Gives also which fact each row is of: those that were known already give none.
INSERT_FACTS = statement(
    of_given(hot_sql.INSERT_FACT.postgresql).replace("FROM (", f"FROM {given(_FACT)}, LATERAL (")
    + ", content_key"
)

INSERT_CALLS = statement(
    of_given(hot_sql.INSERT_CALL.postgresql)  # noqa: S608 (our own words)
    .replace("VALUES (", "SELECT ")
    .replace(")\n    ON CONFLICT", f"\n    FROM {given_as('call')}\n    ON CONFLICT")
    + ", pbx_call_id"
)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be given")
