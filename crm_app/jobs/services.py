"""What other packages do with jobs: enqueue, list, retry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Insert, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.orm import Session, scoped_session

from crm_app import clock
from crm_app.extensions import db
from crm_app.jobs.models import Job

KEEPS_DONE_FOR = timedelta(days=7)
_IS_OPEN = Job.done_at.is_(None)
_HAS_FAILED = Job.last_error != ""
# Built once: a caller hears silence until the fact is stored.
_INSERT: dict[str, Insert] = {
    "sqlite": insert_on_sqlite(Job).on_conflict_do_nothing(
        index_elements=[Job.unique_key], index_where=_IS_OPEN
    ),
    "postgresql": insert_on_postgresql(Job).on_conflict_do_nothing(
        index_elements=[Job.unique_key], index_where=_IS_OPEN
    ),
}


@dataclass(frozen=True, slots=True)
class Owed:
    """The jobs of one kind that are not done: due now, due later, and how many of both failed.

    `oldest_due_at` is when the first of those due now should have been done.
    """

    kind: str
    due: int
    later: int
    failed: int
    oldest_due_at: datetime | None


def enqueue(
    where: Connection | Session | scoped_session[Any],
    kind: str,
    payload: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Enqueue a job due at `due_at` (default: now) in the transaction of the caller, who commits.

    While another job with the same `key` is not done, nothing is added.
    """
    connection = where if isinstance(where, Connection) else where.connection()
    now = clock.now()
    row = {
        "kind": kind, "unique_key": key, "payload": dict(payload or {}), "due_at": due_at or now,
        "tries": 0, "leased_by": "", "last_error": "", "created_at": now,
    }  # fmt: skip
    connection.execute(_INSERT[connection.dialect.name], row)


def owed() -> list[Owed]:
    """Count the open jobs by kind."""
    now = clock.now()
    is_due = Job.due_at <= now
    counts = (
        select(
            Job.kind,
            func.count(case((is_due, 1))),
            func.count(case((~is_due, 1))),
            func.count(case((_HAS_FAILED, 1))),
            func.min(case((is_due, Job.due_at))),
        )
        .where(_IS_OPEN)
        .group_by(Job.kind)
        .order_by(Job.kind)
    )
    return [Owed(*row) for row in db.session.execute(counts)]


def failed(limit: int) -> Sequence[Job]:
    """List the jobs whose last try failed, those that are tried next first."""
    statement = select(Job).where(_IS_OPEN, _HAS_FAILED).order_by(Job.due_at, Job.id)
    return db.session.scalars(statement.limit(limit)).all()


def try_again(job_id: int) -> bool:
    """Make a failed job due now instead of after its pause; say whether there was one."""
    hastened = db.session.execute(
        update(Job)
        .where(Job.id == job_id, _IS_OPEN, _HAS_FAILED, Job.leased_until.is_(None))
        .values(due_at=clock.now())
    )
    return bool(hastened.rowcount)  # type: ignore[attr-defined]


def hasten(key: str) -> None:
    """Make the open job with a key due now, if nobody performs it."""
    db.session.execute(
        update(Job)
        .where(Job.unique_key == key, _IS_OPEN, Job.leased_until.is_(None))
        .values(due_at=clock.now())
    )


def put_off(kind: str, until: datetime) -> None:
    """Let the open jobs of a kind that come due before `until` wait until then.

    Those that somebody performs are left alone.
    """
    waiting = (
        select(Job.id)
        .where(Job.kind == kind, _IS_OPEN, Job.leased_until.is_(None), Job.due_at < until)
        # Two who put off the same jobs must not wait for each other.
        .with_for_update(skip_locked=True)
    )
    db.session.execute(
        update(Job)
        .where(Job.id.in_(waiting))
        .values(due_at=until)
        .execution_options(synchronize_session=False)
    )


def forget_done() -> None:
    """Delete the rows of jobs done more than a week ago."""
    db.session.execute(delete(Job).where(Job.done_at < clock.now() - KEEPS_DONE_FOR))
