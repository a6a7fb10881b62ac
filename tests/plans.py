"""How a list is read: by an index, whatever the number of its rows and the page."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text

from crm_app.extensions import db

# PostgreSQL chooses by what it last counted, which here is whatever test it counted during:
# it is told that every table has a million rows, an index of some rows one in a hundred, and
# that nothing is known of their values but for tables that hold what is usual.
FORGOTTEN = (
    "DELETE FROM pg_statistic WHERE starelid IN"
    " (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
)
PRESUMED = (
    "UPDATE pg_class SET reltuples = CASE WHEN oid IN"
    " (SELECT indexrelid FROM pg_index WHERE indpred IS NOT NULL) THEN 10000 ELSE 1000000 END,"
    " relpages = greatest(1, pg_relation_size(oid) / current_setting('block_size')::int)"
    " WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace"
)
# The files hold a few rows, which are quickest read whole and sorted: asked is whether an index
# could serve.
BY_INDEX = tuple(
    f"SET LOCAL enable_{way} = off" for way in ("seqscan", "bitmapscan", "sort", "incremental_sort")
)


def plan_of(read: Callable[[], object], *, usual: str = "", of: str = "") -> str:
    """Tell how a database of a million rows a table finds what `read` asks for in one question.

    Of several that `read` asks it is the one with the words `of`. The rows in the table `usual` are
    a fair sample of what it holds. What PostgreSQL is told for it is taken back; SQLite chooses by
    the statement alone.
    """
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        read()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    [(statement, values)] = [one for one in asked if of in one[0]]
    connection = db.session.connection()
    if db.engine.dialect.name == "sqlite":
        return _lines(connection, "EXPLAIN QUERY PLAN", statement, values)
    with presumed_large(connection, usual, *BY_INDEX):
        return _lines(connection, "EXPLAIN", statement, values)


@contextmanager
def presumed_large(connection: Connection, usual: str = "", *choices: str) -> Iterator[None]:
    """Let PostgreSQL plan as for a million rows a table, by some choices, until the block is left.

    The rows in the table `usual` are a fair sample of what it holds.
    """
    with connection.begin_nested() as presumption:
        # A table that is counted is counted first, so that it has a million rows all the same.
        counted = (f"ANALYZE {usual}",) if usual else ()
        for told in (FORGOTTEN, *counted, PRESUMED, *choices):
            connection.execute(text(told))
        yield
        presumption.rollback()


def _lines(connection: Connection, explain: str, statement: str, values: Any) -> str:
    rows = connection.exec_driver_sql(f"{explain} {statement}", values)
    return "\n".join(str(row[-1]) for row in rows)


def cursor_of(*values: object, direction: str = "n") -> str:
    """Write a cursor as somebody could who knows how pages are addressed."""
    packed = json.dumps([direction, values]).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
