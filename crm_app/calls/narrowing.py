"""What reports link to: calls by what became of them, by the hour, by why they were missed."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select, true
from sqlalchemy.orm import aliased

from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.why_missed import WhyMissed
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.local_columns import LocalColumns
from crm_app.office.hours import OpeningHours
from crm_app.office.services import opening_hours

# In the words of the address.
TALKED, MISSED, PLACED, WITH_CLIENTS = "talked", "missed", "placed", "clients"
PARTS = (TALKED, MISSED, PLACED, WITH_CLIENTS)
CLOSED = "closed"
# Whatever the hour, this is why.
AT_ANY_HOUR = (WhyMissed.BLOCKED, WhyMissed.NO_MONEY, WhyMissed.LIMIT)
# Seconds that the caller waited, the end excluded; None is any time.
WAITS: tuple[tuple[int, int | None], ...] = ((0, 5), (5, 15), (15, 30), (30, None))
REASONS = (*AT_ANY_HOUR, CLOSED, *(why for why in WhyMissed if why not in AT_ANY_HOUR))
REASON_CHOICES = (*REASONS, *(f"{WhyMissed.GAVE_UP}-{since}" for since, _ in WAITS))
# How soon somebody talked with a client after their call was missed.
QUARTER, HOUR, DAY, LATER, NEVER = "15min", "1h", "day", "later", "never"
SOON = {QUARTER: 15 * 60, HOUR: 60 * 60}
REACHED = (QUARTER, HOUR, DAY, LATER, NEVER)
# What comes after that is no answer to the call.
REACHED_WITHIN = timedelta(days=30)
# The same, from when a call began.
LOOKS_AHEAD = REACHED_WITHIN + timedelta(days=1)


def office_timezone() -> str:
    """Return the time zone of the office."""
    zone: str = current_app.config["DEFAULT_TIMEZONE"]
    return zone


def office_hours() -> OpeningHours:
    """Return when the office is open."""
    return opening_hours(office_timezone())


def columns_in(zone: str) -> LocalColumns:
    """Return what clocks in a zone say of moments in columns."""
    return LocalColumns(zone, db.engine.dialect.name)


def with_part(part: str, user_id: int | None) -> ColumnElement[bool]:
    """Say what became of a call, and with a user also that it was they."""
    if part == TALKED:
        return Call.has_talk & (true() if user_id is None else Call.talked_with(user_id))
    if part == WITH_CLIENTS:
        return with_part(TALKED, user_id) & (Call.direction != Direction.INTERNAL)
    if part == MISSED:
        return Call.is_missed & (true() if user_id is None else Call.has_part(user_id))
    if part == PLACED:
        by = true() if user_id is None else Call.user_id == user_id
        return and_(Call.direction == Direction.OUTBOUND, by)
    return false()


def missed_because(reason: str) -> ColumnElement[bool]:
    """Say why a call was missed; by the opening hours as they are now."""
    if reason not in REASON_CHOICES:
        return false()
    if reason in AT_ANY_HOUR:
        return Call.why_missed == reason
    is_open = _is_open(office_hours())
    if reason == CLOSED:
        return and_(Call.why_missed.not_in(AT_ANY_HOUR), ~is_open)
    why, _, since = reason.partition("-")
    conditions = [Call.why_missed == why, is_open]
    if since:
        until = dict(WAITS)[int(since)]
        conditions.append(Call.ring_seconds >= int(since))
        if until is not None:
            conditions.append(Call.ring_seconds < until)
    return and_(*conditions)


def _is_open(hours: OpeningHours) -> ColumnElement[bool]:
    if not any(hours.week):
        return true()
    columns = columns_in(hours.zone.key)
    minute, weekday = columns.minute(Call.started_at), columns.weekday(Call.started_at)
    days: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for place, day in enumerate(hours.week):
        days.setdefault(day, []).append(place)
    works = or_(
        false(),
        *(
            and_(weekday.in_(places), minute >= opens, minute < closes)
            for day, places in days.items()
            for opens, closes in day
        ),
    )
    if hours.holidays:
        holidays = sorted(day.isoformat() for day in hours.holidays)
        works = and_(works, columns.day(Call.started_at).not_in(holidays))
    return works


def at_hour(weekday: int | None, hour: int | None, zone: str) -> list[ColumnElement[bool]]:
    """Say on which weekday (Monday 1) and in which hour a call began by the clock of a zone."""
    columns, conditions = columns_in(zone), []
    if weekday is not None:
        conditions.append(columns.weekday(Call.started_at) == weekday - 1)
    if hour is not None:
        minute = columns.minute(Call.started_at)
        conditions += [minute >= hour * 60, minute < (hour + 1) * 60]
    return conditions


def reached(when: str) -> ColumnElement[bool]:
    """Say how soon somebody talked with the client of a missed call."""
    if when not in REACHED:
        return false()
    columns = columns_in(office_timezone())
    over = ended()
    talks = first_talks()
    in_time = [columns.seconds(over, talk) <= REACHED_WITHIN.total_seconds() for talk in talks]
    if when == NEVER:
        return and_(Call.is_missed, ~_any(in_time))
    if when in SOON:
        soon = [columns.seconds(over, talk) <= SOON[when] for talk in talks]
        return and_(Call.is_missed, _any(soon))
    on_the_day = _any(
        or_(
            columns.seconds(over, talk) <= SOON[HOUR],
            columns.day(talk) == columns.day(over),
        )
        for talk in talks
    )
    if when == DAY:
        return and_(Call.is_missed, on_the_day)
    return and_(Call.is_missed, _any(in_time), ~on_the_day)


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    # A comparison with no talk is neither true nor false.
    return or_(*(case((condition, true()), else_=false()) for condition in conditions))


def ended() -> ColumnElement[Any]:
    """Return when a call was over, as far as that is known."""
    over: ColumnElement[Any] = func.coalesce(Call.ended_at, Call.started_at)
    return over


def first_talks() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return when anybody first talked with the client after a call: the contact, the number."""
    talk, columns = aliased(Call), columns_in("UTC")
    last_moment = columns.shifted(Call.started_at, LOOKS_AHEAD)

    def first(*is_same: ColumnElement[bool]) -> Select[Any]:
        return (
            select(func.coalesce(talk.answered_at, talk.started_at))
            .where(
                *is_same,
                talk.started_at > Call.started_at,
                talk.started_at < last_moment,
                talk.has_talk,
                talk.is_own_leg.is_(False),
            )
            .order_by(talk.started_at, talk.id)
            .limit(1)
            .correlate(Call)
        )

    with_contact = first(talk.contact_id == Call.contact_id)
    with_number = first(talk.outside_number == Call.outside_number, Call.outside_number != "")
    return with_contact.scalar_subquery(), with_number.scalar_subquery()
