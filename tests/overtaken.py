"""Two people in the same moment: the second begins before what the first did is committed."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from sqlalchemy import text

from crm_app.extensions import db

T = TypeVar("T")
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def overtaken(act: Callable[[], T]) -> T:
    """Begin `act` in another thread, commit what this session did meanwhile, and give the answer.

    On PostgreSQL `act` has come as far as it can by then, and waits for a row. SQLite has one
    writer: there it begins afterwards.
    """
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(act)
        if db.engine.dialect.name == "postgresql":
            assert _waits(answer), "nobody waits for what this session holds"
        db.session.commit()
        return answer.result(30)


def _waits(answer: "Future[Any]") -> bool:
    for _ in range(1_000):
        with db.engine.connect() as connection:
            if connection.execute(WAITING).scalar_one():
                return True
        if wait([answer], timeout=0.02).done:
            return False
    return False
