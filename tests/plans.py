"""How a list is read: by an index, whatever the number of its rows and the page."""

import base64
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import event, text

from crm_app.extensions import db

# A table of a test is quickest read whole; what is asked is whether an index could serve.
WITHOUT = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")


def plan_of(read: Callable[[], object]) -> str:
    """Tell how the database finds the rows that `read` asks for in one question."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    is_sqlite = db.engine.dialect.name == "sqlite"
    connection = db.session.connection()
    if not is_sqlite:
        for way in WITHOUT:
            connection.execute(text(f"SET LOCAL {way} = off"))
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        read()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    [(statement, values)] = asked
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
    return str(connection.exec_driver_sql(f"{explain} {statement}", values).all())


def cursor_of(*values: object, direction: str = "n") -> str:
    """Write a cursor as somebody could who knows how pages are addressed."""
    packed = json.dumps([direction, values]).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
