"""Reconciliation: every night the days that are not settled, and by hand whichever are wanted."""

from dataclasses import dataclass
from datetime import date, timedelta

from crm_app import clock, database
from crm_app.extensions import db
from crm_app.jobs.runner import NextStep, Payload
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, balance
from crm_app.telephony.reconciliation.asking import Observed, Wait
from crm_app.telephony.reconciliation.reading import Reading
from crm_app.telephony.zadarma.errors import ZadarmaError

# Between the steps of a job that need not be quick.
RESTS_FOR = timedelta(seconds=0.1)
# Between two pages: of three questions a minute polling must find one that is left.
PACE = timedelta(seconds=25)


@dataclass(frozen=True, slots=True)
class Plan:
    """The days to ask for, and the clock by which they are days."""

    days: tuple[date, ...]
    seen: Observed


def fetch(payload: Payload) -> Plan | Reading | Wait | None:
    """Do the network's part of a step; without days that are wanted, of those not settled.

    Raises ZadarmaError.
    """
    if "reading" in payload:
        return asking.fetch(Reading.from_json(payload["reading"]))
    with database.reading():
        if "wanted" in payload:
            days = [date.fromisoformat(day) for day in payload["wanted"]]
        else:
            days = balance.unsettled(TelephonySettings.current(), asking.time_of_account())
        client = asking.new_client() if days else None
        db.session.rollback()
    if client is None:
        return None
    try:
        return Plan(tuple(days), asking.observe(client))
    except ZadarmaError as error:
        wait = asking.wait_of(error)
        if wait is None:
            raise
        return wait
    finally:
        client.close()


def perform(payload: Payload, fetched: Plan | Reading | Wait | None) -> NextStep | None:
    """Do the database's part of a step; None when all days were asked for. Does not commit."""
    if fetched is None:
        return None
    if isinstance(fetched, Wait):
        return NextStep(payload, fetched.how_long)
    if isinstance(fetched, Plan):
        asking.note_clock(fetched.seen)
        return _begin([day.isoformat() for day in fetched.days])
    stored = asking.store(fetched)
    if stored.next is not None:
        return NextStep(payload | {"reading": stored.next.to_json()}, pause_before(stored.next))
    time = asking.time_of_account()
    balance.balance([date.fromisoformat(day) for day in payload["days"]], time)
    TelephonySettings.for_change().reconciled_at = clock.now()
    return _begin(payload["later"], PACE) if payload["later"] else None


def pause_before(step: Reading) -> timedelta:
    """Say how long to wait before a step of a reading that has begun."""
    return PACE if step.needs_page else RESTS_FOR


def _begin(days: list[str], due_in: timedelta = timedelta()) -> NextStep:
    """Begin with the first days that follow each other."""
    run = [days[0]]
    for day in days[1:]:
        if date.fromisoformat(day) - date.fromisoformat(run[-1]) == timedelta(days=1):
            run.append(day)
        else:
            break
    time = asking.time_of_account()
    since = time.day_begins(date.fromisoformat(run[0]))
    until = time.day_begins(date.fromisoformat(run[-1]) + timedelta(days=1))
    step = Reading.of(since, until).to_json()
    return NextStep({"days": run, "later": days[len(run) :], "reading": step}, due_in)
