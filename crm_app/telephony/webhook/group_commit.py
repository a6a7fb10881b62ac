"""One transaction for all waiting work: under load they share one disk sync."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from crm_app.calls.store.hot_sql import as_usual
from crm_app.database import DatabaseBusyError, is_away
from crm_app.deadline import seconds_left, within
from crm_app.telephony.webhook.arrivals import Arrival
from crm_app.telephony.webhook.spool import Spool, SpoolError

MOST_AT_ONCE = 32
# After waiting for another transaction, one's own gets at least this long.
_SHORTEST_TURN_S = 0.06
# PostgreSQL's codes: deadlock and serialization failure, lock timeout, statement timeout.
_PASSING = ("40", "55P03", "57014")

_Result = TypeVar("_Result")
DoAll = Callable[[Connection, Sequence[Callable[[Connection], Any]]], Sequence[Any]]
log = structlog.get_logger(__name__)


def one_by_one(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """Do the works of one transaction one after the other."""
    return [work(connection) for work in works]


def _may_pass_at_once(error: BaseException) -> bool:
    """Whether an immediate retry may help: the connection died, or a lock blocked it."""
    if not isinstance(error, DBAPIError):
        return False
    # A connection that died while idle does not mean that the database is down: open a new one.
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(_PASSING)


class _Work(Generic[_Result]):
    """The work of one caller, and its result."""

    def __init__(
        self, name: str, do: Callable[[Connection], _Result], arrival: Arrival | None = None
    ) -> None:
        self.name = name
        self.do = do
        self.arrival = arrival
        self.is_over = False
        self.result: _Result | None = None
        self.error: Exception | None = None

    def outcome(self) -> _Result | None:
        """Return the result, None when it is in the spool; raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self.result


class GroupCommit:
    """Does the work of this process's callers, one transaction after the other.

    The first caller does all waiting work, so that a lone caller waits for nobody. With a spool,
    what the database does not accept in time goes there, and so does what arrives while the spool
    is not empty.
    """

    def __init__(
        self, engine: Engine, spool: Spool | None = None, do_all: DoAll = one_by_one
    ) -> None:
        """Prepare; `do_all` does the works of one transaction and gives the result of each."""
        self._engine = engine
        self._spool = spool
        self._do_all = do_all
        self._lock = threading.Lock()
        self._waiting: deque[_Work[Any]] = deque()

    def run(
        self,
        name: str,
        do: Callable[[Connection], _Result],
        arrival: Arrival | None = None,
    ) -> _Result | None:
        """Do something in a transaction; it is committed when this returns.

        Work is done in the order of `name`, so that every process takes locks in the same order.
        What `do` raises is raised here, and then nothing of it is stored; it may be called twice.
        Returns None when `arrival` was put into the spool instead.
        """
        work: _Work[_Result] = _Work(name, do, arrival)
        self._waiting.append(work)
        # Requests that have arrived by now can join.
        time.sleep(0)
        left = seconds_left()
        if not self._lock.acquire(timeout=-1 if left is None else left + _SHORTEST_TURN_S):
            # The thread at work is stuck in a call without a deadline. It may still do this work.
            self._put_aside([work], DatabaseBusyError("the one at work does not end"))
            return work.outcome()
        try:
            with ExitStack() as limits:
                if left is not None:
                    limits.enter_context(within(max(seconds_left() or 0.0, _SHORTEST_TURN_S)))
                while not work.is_over:
                    self._do_waiting()
        finally:
            self._lock.release()
        return work.outcome()

    def run_all(
        self, works: Sequence[tuple[str, Callable[[Connection], _Result]]]
    ) -> list[_Result | Exception]:
        """Do several things in one transaction if that is possible, in the order given.

        Returns for each its result, or what it raised when tried alone. Raises errors that
        `is_away` recognises; some work may be done by then.
        """
        batch = [_Work(name, do) for name, do in works]
        with self._lock:
            try:
                self._do(batch)
            except Exception as error:
                if is_away(error) and not _may_pass_at_once(error):
                    raise
                for work in batch:
                    self._do_alone(work)
                    if work.error is not None and is_away(work.error):
                        raise work.error from error
        return [work.error or work.result for work in batch]  # type: ignore[misc]

    def _do_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
        if self._spool is not None and self._spool.is_in_use():
            self._put_aside(batch, None)
            batch = [work for work in batch if not work.is_over]
        in_turn = sorted(batch, key=lambda work: work.name)
        try:
            self._do(in_turn)
        except Exception as error:
            may_pass = _may_pass_at_once(error)
            for work in in_turn:
                if is_away(error) and not (may_pass and seconds_left() != 0):
                    work.error = error
                else:
                    # Storing a fact twice changes nothing.
                    self._do_alone(work)
            # Later arrivals must stay behind these.
            away = [work for work in batch if work.error is not None and is_away(work.error)]
            if away:
                self._put_aside(away, away[0].error)
        finally:
            # The thread at work may have been killed: do not wait for ever.
            for work in batch:
                if not work.is_over:
                    work.error = work.error or DatabaseBusyError("the one at work was ended")
                    work.is_over = True

    def _put_aside(self, works: list[_Work[Any]], error: Exception | None) -> None:
        """Put work into the spool; if that fails and `error` is None, leave it as it is."""
        if self._spool is not None:
            for are_verified in (True, False):
                self._put_alike_aside(self._spool, works, are_verified, error)
        for work in works:
            if not work.is_over and error is not None:
                work.error, work.is_over = error, True

    def _put_alike_aside(
        self, spool: Spool, works: list[_Work[Any]], are_verified: bool, why: Exception | None
    ) -> None:
        alike = [
            work
            for work in works
            if work.arrival is not None and work.arrival.is_verified is are_verified
        ]
        if not alike:
            return
        arrivals = [work.arrival for work in alike if work.arrival is not None]
        try:
            spool.append(arrivals, type(why).__name__)
        except SpoolError as error:
            log.error("spool_refused", reason=str(error), error=type(why).__name__)
            return
        for work in alike:
            work.error, work.is_over = None, True

    def _do(self, batch: list[_Work[Any]]) -> None:
        if not batch:
            return
        with self._engine.begin() as connection:
            try:
                results = self._do_all(connection, [work.do for work in batch])
            except connection.dialect.loaded_dbapi.Error as error:
                raise as_usual(connection, error) from error
        for work, result in zip(batch, results, strict=True):
            work.result, work.is_over = result, True

    def _do_alone(self, work: _Work[Any]) -> None:
        # One of them broke the shared transaction: now each gets its own.
        try:
            self._do([work])
        except Exception as error:
            work.error = error
