"""One transaction for all who are waiting: under load they share one wait for the disk."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)

from crm_app.calls.statements import as_usual
from crm_app.database import DatabaseBusyError

DATABASE_IS_AWAY = (
    DatabaseBusyError,
    OperationalError,
    InterfaceError,
    InternalError,
    DisconnectionError,
    TimeoutError,
)
MOST_TOGETHER = 32
# So long each may be tried again by itself, when all of them failed together.
_PATIENCE_S = 5.0
# Of PostgreSQL: a deadlock or its like, a lock that was waited for too long, a time limit.
_PASSING = ("40", "55P03", "57014")

_Result = TypeVar("_Result")


def is_away(error: BaseException) -> bool:
    """Tell whether an error is the database's own and not our fault: nothing was stored."""
    # SQLite calls it "operational", too, when it does not know a column.
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, DATABASE_IS_AWAY) and code != sqlite3.SQLITE_ERROR


def _may_pass_at_once(error: BaseException) -> bool:
    """Tell whether to try again now: the connection died, or somebody stood in the way."""
    if not isinstance(error, DBAPIError):
        return False
    # A connection that died while nobody used it says nothing of the database: the next is new.
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(_PASSING)


class _Work(Generic[_Result]):
    """What one caller wants done, and what came of it."""

    def __init__(self, name: str, do: Callable[[Connection], _Result]) -> None:
        self.name = name
        self.do = do
        self.is_over = False
        self.result: _Result | None = None
        self.error: Exception | None = None


class Together:
    """Does the work of this process's callers, one transaction after the other.

    Whoever finds nobody at work does all that is waiting, so that a lone caller waits for nobody.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: deque[_Work[object]] = deque()

    def run(self, name: str, do: Callable[[Connection], _Result]) -> _Result:
        """Do something in a transaction; it is committed when this returns.

        Works whose `name`s sort alike take their locks in the same order in every process. What
        `do` raises is raised here, and then nothing of it is stored; it may be called twice.
        """
        work: _Work[_Result] = _Work(name, do)
        self._waiting.append(work)  # type: ignore[arg-type]
        # Those whose requests have arrived by now can join.
        time.sleep(0)
        with self._lock:
            while not work.is_over:
                self._do_waiting()
        if work.error is not None:
            raise work.error
        return work.result  # type: ignore[return-value]

    def _do_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        batch.sort(key=lambda work: work.name)
        began = time.monotonic()
        try:
            self._do(batch)
        except Exception as error:
            may_pass = _may_pass_at_once(error)
            for work in batch:
                has_time = time.monotonic() - began < _PATIENCE_S
                if is_away(error) and not (may_pass and has_time):
                    work.error, work.is_over = error, True
                else:
                    # Storing a fact twice changes nothing.
                    self._do_alone(work)
        finally:
            # Whoever led may have been ended by force: nobody may wait for ever.
            for work in batch:
                if not work.is_over:
                    work.error = DatabaseBusyError("the one at work was ended")
                    work.is_over = True

    def _do(self, batch: list[_Work[object]]) -> None:
        with self._engine.begin() as connection:
            try:
                for work in batch:
                    work.result = work.do(connection)
            except connection.dialect.loaded_dbapi.Error as error:
                raise as_usual(connection, error) from error
        for work in batch:
            work.is_over = True

    def _do_alone(self, work: _Work[object]) -> None:
        # One of them spoilt the transaction of all: each has one of its own now.
        try:
            self._do([work])
        except Exception as error:
            work.error, work.is_over = error, True
