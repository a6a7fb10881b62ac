"""The day balance: the calls of a day in the PBX and here. Nothing here commits.

A day is one of the account's clock. Calls among colleagues and our own legs of click-to-call count
on neither side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import selectinload

from crm_app import clock
from crm_app.calls.fold.facts import CallPhase, Direction, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.reconciliation.models import ReconciledCall, ReconciledDay

# A call that is over appears in the statistics a little later.
LISTED_WITHIN = timedelta(minutes=15)
# When the statistics of a day that is over do not change any more.
SETTLES_AFTER = timedelta(hours=3)
ASKED_AGAIN_AFTER = timedelta(hours=20)
# So long a day that does not balance is asked for again.
ASKED_FOR = timedelta(days=31)
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of a day's difference: what was done about it, and the call as the log has it.

    `done` is added, completed, refused, or only_here for one that the PBX does not list.
    """

    pbx_call_id: str
    done: str
    call: Call | None


def days_between(since: datetime, until: datetime, time: AccountTime) -> list[date]:
    """List the days of the account's clock that a span touches, the first one first."""
    first, last = time.day(since), time.day(until)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def balance(days: Iterable[date], time: AccountTime, added: int = 0) -> list[ReconciledDay]:
    """Count the calls of some days on both sides, now that the statistics of them are read.

    `added` is only kept where `ReconciledCall` cannot tell it, for the days of the history.
    """
    return [_balance(day, time, added) for day in days]


def differences(day: date, time: AccountTime) -> list[Difference]:
    """List the calls of a day's difference, by when they were noted; MOST_SHOWN at most."""
    noted = db.session.execute(
        select(ReconciledCall, Call)
        .join(Call, Call.pbx_call_id == ReconciledCall.pbx_call_id, isouter=True)
        .where(ReconciledCall.day == day)
        .options(selectinload(Call.contact), selectinload(Call.user))
        .order_by(ReconciledCall.id)
        .limit(MOST_SHOWN)
    )
    found = [Difference(one.pbx_call_id, one.done, call) for one, call in noted]
    unlisted = db.session.scalars(
        select(Call)
        .where(*_is_only_here(day, time))
        .options(selectinload(Call.contact), selectinload(Call.user))
        .order_by(Call.started_at, Call.id)
        .limit(MOST_SHOWN)
    )
    return found + [Difference(call.pbx_call_id, "only_here", call) for call in unlisted]


def unsettled(settings: TelephonySettings, time: AccountTime) -> list[date]:
    """List the days that are over and have to be asked for, the first one first."""
    if settings.connected_at is None:
        return []
    now = clock.now()
    first = time.day(max(settings.connected_at, now - ASKED_FOR))
    last = time.day(now - SETTLES_AFTER) - timedelta(days=1)
    known = {day.day: day for day in db.session.scalars(_since(first))}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if _is_due(known.get(day), now)]


def recent(limit: int) -> Sequence[ReconciledDay]:
    """List the days that were compared, the newest first."""
    newest = select(ReconciledDay).order_by(ReconciledDay.day.desc()).limit(limit)
    return db.session.scalars(newest).all()


def _since(first: date) -> Select[ReconciledDay]:
    return select(ReconciledDay).where(ReconciledDay.day >= first)


def _is_due(known: ReconciledDay | None, now: datetime) -> bool:
    if known is None:
        return True
    return known.settled_at is None and known.asked_at <= now - ASKED_AGAIN_AFTER


def _balance(day: date, time: AccountTime, added: int) -> ReconciledDay:
    now = clock.now()
    is_listed = Call.listed_on == day
    pbx = db.session.scalar(select(func.count(Call.id)).where(is_listed, *_counts())) or 0
    only_here = db.session.scalar(select(func.count(Call.id)).where(*_is_only_here(day, time))) or 0
    of_day = select(func.count(ReconciledCall.id)).where(ReconciledCall.day == day)
    refused = db.session.scalar(of_day.where(ReconciledCall.done == "refused")) or 0
    noted = db.session.scalar(of_day.where(ReconciledCall.done != "refused")) or 0
    row = db.session.get(ReconciledDay, day) or ReconciledDay(day=day, added=0)
    row.pbx, row.crm = pbx + refused, pbx + only_here
    row.difference = only_here + refused
    row.added, row.asked_at = max(noted, added, row.added), now
    is_over = now >= time.day_begins(day + timedelta(days=1)) + SETTLES_AFTER
    row.settled_at = (row.settled_at or now) if is_over and not row.difference else None
    db.session.add(row)
    db.session.flush()
    return row


def _counts() -> tuple[ColumnElement[bool], ...]:
    return Call.direction != Direction.INTERNAL, Call.is_own_leg.is_(False)


def _is_only_here(day: date, time: AccountTime) -> tuple[ColumnElement[bool], ...]:
    """Describe the calls of a day that the statistics should list, and do not.

    Whether they list a call that was refused is the PBX's affair; and so it is for the end of an
    outgoing call that nobody is known to have begun: the PBX verifies numbers by such calls.
    """
    began = select(CallFact.id).where(
        CallFact.pbx_call_id == Call.pbx_call_id, CallFact.kind == FactKind.OUTGOING_STARTED
    )
    is_nobodys = and_(
        Call.direction == Direction.OUTBOUND, Call.placed_by_extension == "", ~began.exists()
    )
    return (
        Call.listed_on.is_(None),
        Call.started_at >= time.day_begins(day),
        Call.started_at < time.day_begins(day + timedelta(days=1)),
        Call.phase == CallPhase.ENDED,
        Call.ended_at < clock.now() - LISTED_WITHIN,
        Call.status != "blocked",
        ~is_nobodys,
        *_counts(),
    )
