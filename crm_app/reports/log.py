"""Reading the calls of some days, and on which days the counts have changed since a moment."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from crm_app import clock
from crm_app.calls.models import HAD_IT, Call, CallLeg
from crm_app.calls.narrowing import LOOKS_AHEAD, columns_in, first_talks
from crm_app.database import UtcDateTime
from crm_app.extensions import db
from crm_app.local_columns import LocalColumns
from crm_app.local_time import LocalTime
from crm_app.office.hours import OpeningHours
from crm_app.reports.counting import Counts, LogCall, LogLeg, count

_ONE_DAY = timedelta(days=1)


def count_days(days: Iterable[date], hours: OpeningHours) -> Counts:
    """Count the calls of these days from the log, in two questions."""
    is_wanted = on_days(days, hours.zone)
    by_contact, by_number = first_talks()
    asked: Any = select(
        Call.id,
        Call.started_at,
        Call.ended_at,
        Call.direction,
        Call.has_talk,
        Call.is_missed,
        Call.why_missed,
        Call.did,
        Call.user_id,
        Call.talk_seconds,
        Call.ring_seconds,
        # Only of missed calls is it asked for.
        case((Call.is_missed, by_contact), else_=null()),
        case((Call.is_missed, by_number), else_=null()),
    )
    calls = []
    for *row, with_contact, with_number in db.session.execute(asked.where(is_wanted)):
        talked_at = min(filter(None, (with_contact, with_number)), default=None)
        calls.append(LogCall(talked_at, *row))
    parts: Any = (
        select(CallLeg.call_id, CallLeg.user_id, CallLeg.state.in_(HAD_IT), CallLeg.talk_seconds)
        .join(Call)
        .where(is_wanted, CallLeg.user_id.is_not(None))
    )
    legs = [LogLeg(*row) for row in db.session.execute(parts)]
    return count(calls, legs, hours)


def on_days(days: Iterable[date], zone: ZoneInfo) -> ColumnElement[bool]:
    """Say that a call is to be counted, and began on one of these days of a zone's calendar."""
    local = LocalTime.of(zone.key)
    spans = [
        and_(
            Call.started_at >= local.midnight(first),
            Call.started_at < local.midnight(last + _ONE_DAY),
        )
        for first, last in _joined(sorted(set(days)))
    ]
    return and_(Call.is_own_leg.is_(False), or_(false(), *spans))


def _joined(days: list[date]) -> list[tuple[date, date]]:
    """Join days that follow each other."""
    if not days:
        return []
    ends = [one for one, other in pairwise(days) if other - one > _ONE_DAY] + days[-1:]
    begins = days[:1] + [other for one, other in pairwise(days) if other - one > _ONE_DAY]
    return list(zip(begins, ends, strict=True))


def changed_days(since: datetime, zone: ZoneInfo) -> set[date]:
    """List the days of which a count may have changed: of calls that changed after a moment.

    A talk also changes the days on which its client was missed.
    """
    return {
        date.fromisoformat(day)
        for statement in _changes(columns_in(zone.key), clock.now().year)
        for day in db.session.scalars(statement, {"since": since})
    }


# SQLite gets each change of a zone's clocks since 2000: to write that into two questions takes ten
# times as long as to ask them.
@lru_cache(maxsize=4)
def _changes(columns: LocalColumns, _year: int) -> tuple[Select[Any], Select[Any]]:
    """Write both questions; up to which year the clocks' changes are known goes by this year."""
    missed = aliased(Call)
    has_changed = Call.updated_at > bindparam("since", type_=UtcDateTime())
    of_calls = _days(Call.started_at, columns).where(has_changed)
    of_misses = (
        _days(missed.started_at, columns)
        .select_from(Call)
        .join(
            missed,
            or_(
                missed.contact_id == Call.contact_id,
                and_(missed.outside_number == Call.outside_number, Call.outside_number != ""),
            ),
        )
        .where(
            has_changed,
            Call.has_talk,
            missed.is_missed,
            missed.started_at < Call.started_at,
            missed.started_at > columns.shifted(Call.started_at, -LOOKS_AHEAD),
        )
    )
    return of_calls, of_misses


def _days(column: InstrumentedAttribute[datetime], columns: LocalColumns) -> Select[Any]:
    return select(columns.day(column)).distinct()


def count_calls(days: Iterable[date], zone: ZoneInfo, most: int) -> int:
    """Count the calls of some days, up to a number."""
    some = select(Call.id).where(on_days(days, zone)).limit(most).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def first_call_at() -> datetime | None:
    """Return when the first call of the log began."""
    return db.session.scalar(select(func.min(Call.started_at)))


def day_of_earlier(before: datetime, calls: int, zone: ZoneInfo) -> date | None:
    """Return the day on which so many calls before a moment had begun; None if there are fewer."""
    found = db.session.scalar(
        select(Call.started_at)
        .where(Call.started_at < before)
        .order_by(Call.started_at.desc())
        .offset(calls)
        .limit(1)
    )
    return found.astimezone(zone).date() if found else None
