"""Loading old calls: month by month from the newest, a page at a time, so that it can be stopped.

The step that comes next stands in the database: who goes on, the worker or the command, reads it
there, and of two who do the same step only one stores it. Nothing here commits.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from crm_app import clock, database
from crm_app.accounts.models import Role, User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.runner import NextStep, Payload
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, balance, nightly, reading
from crm_app.telephony.reconciliation.asking import Observed, Wait
from crm_app.telephony.reconciliation.models import ERROR_LENGTH, HistoryLoad, ReconciledDay
from crm_app.telephony.reconciliation.reading import LONGEST_WINDOW, Reading
from crm_app.telephony.reconciliation.taking import HISTORY
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ZadarmaError

JOB = "load_history"
MOST_MONTHS = 60
RUNNING, STOPPED, DONE = "running", "stopped", "done"
_MONTH = timedelta(days=30.5)
_ASKS_AGAIN_IN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was fetched: the position it began with, and what came or why nothing did."""

    position: str
    fetched: Observed | Reading | Wait | None = None
    read: int = 0
    error: str = ""
    is_permanent: bool = False


def start(months: int, by: User | None, *, by_worker: bool = True) -> HistoryLoad:
    """Begin to load the calls of the last months; goes on where the same was stopped.

    Raises InvalidInputError (history_months, history_running) on `months`.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise InvalidInputError("history_months", "months")
    load = HistoryLoad.current(for_update=True)
    if load is not None and load.state == RUNNING and load.months != months:
        raise InvalidInputError("history_running", "months")
    if load is None or load.state == DONE or load.months != months:
        load = _begin(load, months, by)
    load.state, load.last_error = RUNNING, ""
    if by_worker:
        jobs.enqueue(db.session, JOB, key=JOB)
    db.session.flush()
    return load


def _begin(load: HistoryLoad | None, months: int, by: User | None) -> HistoryLoad:
    now = clock.now()
    load = load or HistoryLoad(id=1)
    load.months, load.started_at, load.finished_at = months, now, None
    load.since, load.until, load.reached = now - months * _MONTH, now, now
    load.position, load.rows, load.added = "", 0, 0
    load.started_by_id = by.id if by is not None else None
    db.session.add(load)
    return load


def stop() -> bool:
    """Stop after the step that is under way, and say whether there was anything to stop."""
    load = HistoryLoad.current(for_update=True)
    if load is None or load.state != RUNNING:
        return False
    load.state = STOPPED
    return True


def fetch(_payload: Payload) -> Step | None:
    """Do the network's part of a step in the worker; None when nothing is to be loaded."""
    with database.reading():
        load = HistoryLoad.current()
        step = _next_step(load) if load is not None and load.state == RUNNING else None
        client = asking.new_client() if step is not None else None
        db.session.rollback()
    if step is None:
        return None
    try:
        return fetch_step(step, client)
    finally:
        if client is not None:
            client.close()


def fetch_step(step: tuple[str, Reading], client: ZadarmaClient | None) -> Step:
    """Do the network's part of a step with a client, which may wait for its turn."""
    position, wanted = step
    if client is None:
        return Step(position, error="not_connected", is_permanent=True)
    try:
        with database.reading():
            is_clock_known = TelephonySettings.current().pbx_offset_seconds is not None
            source = asking.source(HISTORY)
            db.session.rollback()
        if not is_clock_known:
            return Step(position, asking.observe(client))
        fetched = reading.fetch(wanted, client, source)
        return Step(position, fetched, fetched.read - wanted.read)
    except ZadarmaError as error:
        wait = asking.wait_of(error)
        if wait is not None:
            return Step(position, wait)
        return Step(position, error=error.code, is_permanent=error.is_permanent)


def next_step() -> tuple[str, Reading] | None:
    """Say what comes next, None when nothing is to be loaded."""
    load = HistoryLoad.current()
    return _next_step(load) if load is not None and load.state == RUNNING else None


def _next_step(load: HistoryLoad) -> tuple[str, Reading]:
    if load.position:
        return load.position, Reading.from_json(json.loads(load.position))
    begins = max(load.reached - LONGEST_WINDOW, load.since)
    return "", Reading.of(begins, load.reached)


def perform(_payload: Payload, step: Step | None) -> NextStep | None:
    """Store what a step has fetched; None when all is loaded or somebody has stopped it."""
    load = HistoryLoad.current(for_update=True)
    if step is None or load is None or load.state != RUNNING:
        return None
    if load.position != step.position:
        # The command has done this step.
        return NextStep({})
    if isinstance(step.fetched, Wait):
        return NextStep({}, step.fetched.how_long)
    if isinstance(step.fetched, Observed):
        asking.note_clock(step.fetched)
        return NextStep({})
    _announce()
    if step.fetched is None:
        load.last_error = step.error[:ERROR_LENGTH]
        if step.is_permanent:
            load.state = STOPPED
            return None
        return NextStep({}, _ASKS_AGAIN_IN)
    return _store(load, step.fetched, step.read)


def _store(load: HistoryLoad, fetched: Reading, read: int) -> NextStep | None:
    stored = asking.store(fetched, HISTORY)
    load.last_error, load.rows = "", load.rows + read
    load.added += stored.taken.added + stored.taken.completed
    if stored.next is not None:
        load.position = json.dumps(stored.next.to_json())
        return NextStep({}, nightly.pause_before(stored.next))
    time = asking.time_of_account()
    balance.balance(balance.days_between(fetched.since, fetched.until, time), time)
    load.position, load.reached = "", fetched.since
    if load.reached > load.since:
        return NextStep({}, nightly.PACE)
    load.state, load.finished_at = DONE, clock.now()
    return None


def days_of(load: HistoryLoad) -> Sequence[ReconciledDay]:
    """List the days that were loaded, the first one first."""
    time = asking.time_of_account()
    days = select(ReconciledDay).where(
        ReconciledDay.day >= time.day(load.since), ReconciledDay.day <= time.day(load.until)
    )
    return db.session.scalars(days.order_by(ReconciledDay.day)).all()


def _announce() -> None:
    administrators = select(User.id).where(User.active, User.role == Role.ADMIN)
    after_commit(db.session.scalars(administrators).all(), {"history": 1})
