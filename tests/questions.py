"""What a page asks the database: a list must not ask once for each of its rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from crm_app.extensions import db

TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE")


@contextmanager
def questions() -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile, but those that begin and end transactions."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(TRANSACTION):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
