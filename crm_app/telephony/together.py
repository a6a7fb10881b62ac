"""One transaction for all who are waiting: under load they share one wait for the disk."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)

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

_Result = TypeVar("_Result")


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
        try:
            self._do(batch)
        except DATABASE_IS_AWAY as error:
            # A connection that died while nobody used it says nothing of the database: the next
            # one is new. Storing a fact twice changes nothing.
            has_died = getattr(error, "connection_invalidated", False)
            for work in batch:
                if has_died:
                    self._do_alone(work)
                else:
                    work.error, work.is_over = error, True
        except Exception:
            for work in batch:
                self._do_alone(work)
        finally:
            # Whoever led may have been ended by force: nobody may wait for ever.
            for work in batch:
                if not work.is_over:
                    work.error = DatabaseBusyError("the one at work was ended")
                    work.is_over = True

    def _do(self, batch: list[_Work[object]]) -> None:
        with self._engine.begin() as connection:
            for work in batch:
                work.result = work.do(connection)
        for work in batch:
            work.is_over = True

    def _do_alone(self, work: _Work[object]) -> None:
        # One of them spoilt the transaction of all: each has one of its own now.
        try:
            self._do([work])
        except Exception as error:
            work.error, work.is_over = error, True
