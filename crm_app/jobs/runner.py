"""The runner: takes what is due under a lease and performs it, each job once.

The work of a job and the mark that it is done are one transaction, which holds the job's row from
its beginning: a worker that is killed leaves both undone, and no other worker can perform the job,
not even after its lease has ended. The lease says how long to wait for a worker that is gone.
"""

import os
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, case, literal, or_, select, update
from sqlalchemy.exc import DBAPIError

from crm_app import clock, database
from crm_app.database import UtcDateTime
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.jobs import services
from crm_app.jobs.models import ERROR_LENGTH, Job

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=6)
WORKER_IS_GONE = "The worker ended before the job was done."
log = structlog.get_logger(__name__)

Payload = dict[str, Any]


class LeaseIsLostError(RamalError):
    """Another worker has taken the job, because this one exceeded its lease."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a handler returns when there is more to do: go on with this payload, others first.

    With `others_wait` the reason is none of this job's own, so that others of its kind that are
    due wait as long, instead of finding out one by one.
    """

    payload: Payload
    due_in: timedelta = timedelta()
    others_wait: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job and its handler; one with `every` recurs after that time.

    `perform` gets the payload and does its work by verbs that do not commit. It should be over
    within seconds; longer work is cut into steps. What needs the network is `fetch`: it runs before
    `perform`, with no transaction open, and what it returns is the second argument of `perform`.
    `lease` must be longer than both together. The pauses after failures grow to `longest_pause`, or
    to `every`.
    """

    name: str
    perform: Callable[..., NextStep | None]
    every: timedelta | None = None
    lease: timedelta = timedelta(minutes=1)
    fetch: Callable[[Payload], Any] | None = None
    longest_pause: timedelta = LONGEST_PAUSE


@dataclass(frozen=True, slots=True)
class _Taken:
    id: int
    kind: Kind
    payload: Payload
    tries: int
    leased_by: str
    is_mine: tuple[ColumnElement[bool], ...] = field(init=False)

    def __post_init__(self) -> None:
        is_mine = (Job.id == self.id, Job.leased_by == self.leased_by, Job.done_at.is_(None))
        object.__setattr__(self, "is_mine", is_mine)


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many failed tries: 5 seconds, each time three times as long."""
    factor: int = 3 ** min(tries - 1, 10)
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)


class Runner:
    """Performs the jobs of the kinds that it knows, inside an application's context.

    Unknown kinds, of a newer release that shares the table during an upgrade, are left alone.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._name = f"{socket.gethostname()[:60]}:{os.getpid()}"

    def arm(self) -> None:
        """Make sure that each periodic kind has its one row. Commits."""
        now = clock.now()
        for kind in self._kinds.values():
            if kind.every is None:
                continue
            services.enqueue(db.session, kind.name, key=kind.name)
            # An earlier release may have scheduled it less often.
            db.session.execute(
                update(Job)
                .where(Job.unique_key == kind.name, Job.due_at > now + kind.every)
                .values(due_at=now + kind.every)
            )
        db.session.commit()

    def work(self, is_over: Callable[[], bool]) -> None:
        """Perform due jobs one by one, until none is left or the time is up."""
        while not is_over() and self.run_one():
            pass

    def run_one(self) -> bool:
        """Perform the job that has been due for longest, and say whether there was one. Commits.

        What its handler raises is kept as the job's last error; errors of the database that keep
        it from being taken are raised.
        """
        job = self._take() if self._is_any_due() else None
        if job is None:
            return False
        try:
            self._perform(job, self._fetch(job))
            db.session.commit()
        except LeaseIsLostError:
            db.session.rollback()
            log.warning("job_lease_lost", job=job.kind.name)
        except Exception as error:
            # The outermost level of a job: the next one must still be performed.
            db.session.rollback()
            log.error("job_failed", job=job.kind.name, tries=job.tries, exc_info=error)
            self._note_failure(job, error)
        return True

    def _is_any_due(self) -> bool:
        # On SQLite a reader blocks nobody.
        with database.reading():
            found = db.session.scalar(self._due(clock.now()))
            db.session.rollback()
        return found is not None

    def _due(self, now: datetime) -> Select[int]:
        return (
            select(Job.id)
            .where(
                Job.done_at.is_(None),
                Job.due_at <= now,
                or_(Job.leased_until.is_(None), Job.leased_until <= now),
                Job.kind.in_(list(self._kinds)),
            )
            .order_by(Job.due_at, Job.id)
            .limit(1)
        )

    def _take(self) -> _Taken | None:
        now = clock.now()
        # Not the name of the worker alone: its own lease may have ended, too.
        token = f"{self._name}:{secrets.token_hex(6)}"
        # SQLite has one writer and no row locks; its dialect omits the clause.
        first = self._due(now).with_for_update(skip_locked=True).scalar_subquery()
        ends = {n: literal(now + k.lease, UtcDateTime()) for n, k in self._kinds.items()}
        row = db.session.execute(
            update(Job)
            .where(Job.id == first)
            .values(
                leased_by=token,
                leased_until=case(ends, value=Job.kind),
                tries=Job.tries + 1,
                last_error=case((Job.leased_by != "", WORKER_IS_GONE), else_=Job.last_error),
            )
            .returning(Job.id, Job.kind, Job.payload, Job.tries),
            execution_options={"synchronize_session": False},
        ).one_or_none()
        db.session.commit()
        return _Taken(row.id, self._kinds[row.kind], row.payload, row.tries, token) if row else None

    @staticmethod
    def _fetch(job: _Taken) -> tuple[Any, ...]:
        if job.kind.fetch is None:
            return ()
        try:
            return (job.kind.fetch(job.payload),)
        finally:
            # What it read of the database must not be what `perform` decides by.
            db.session.rollback()

    def _perform(self, job: _Taken, fetched: tuple[Any, ...] = ()) -> None:
        if db.session.scalar(select(Job.id).where(*job.is_mine).with_for_update()) is None:
            raise LeaseIsLostError
        step = job.kind.perform(job.payload, *fetched)
        now = clock.now()
        changes: dict[str, Any] = {"tries": 0, "last_error": ""}
        if step is not None:
            changes |= {"payload": step.payload, "due_at": now + step.due_in}
            if step.others_wait:
                services.put_off(job.kind.name, now + step.due_in)
        elif job.kind.every is not None:
            changes |= {"payload": {}, "due_at": now + job.kind.every}
        else:
            changes |= {"done_at": now, "tries": job.tries}
        self._release(job, changes)

    def _note_failure(self, job: _Taken, error: Exception) -> None:
        pause = min(pause_after(job.tries), job.kind.every or job.kind.longest_pause)
        words = _in_words(error)[:ERROR_LENGTH]
        try:
            self._release(job, {"last_error": words, "due_at": clock.now() + pause})
            db.session.commit()
        except LeaseIsLostError:
            db.session.rollback()

    def _release(self, job: _Taken, changes: dict[str, Any]) -> None:
        released = db.session.execute(
            update(Job)
            .where(*job.is_mine)
            .values(leased_by="", leased_until=None, **changes)
            .execution_options(synchronize_session=False)
        )
        if not released.rowcount:  # type: ignore[attr-defined]
            raise LeaseIsLostError


def _in_words(error: Exception) -> str:
    """Say what went wrong in one line; a driver's further lines hold what was stored."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    first = (str(cause).strip().splitlines() or [""])[0]
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
