"""Counting calls: from rows of the log to the numbers of each day, as a pure function.

Every number here is that of a list of calls which `CallFilter` can show; the two are kept together
by tests.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.why_missed import WhyMissed
from crm_app.calls.narrowing import (
    AT_ANY_HOUR,
    CLOSED,
    DAY,
    HOUR,
    LATER,
    NEVER,
    QUARTER,
    REACHED_WITHIN,
    SOON,
    WAITS,
)
from crm_app.office.hours import OpeningHours

OFFICE = 0
# Up to how many seconds they are rounded to what: a median needs no more.
_STEPS = ((120, 10), (3600, 60), (4 * 3600, 300), (24 * 3600, 1800), (10**9, 6 * 3600))


class Kind(StrEnum):
    """In which way the calls of a day are counted."""

    TOTAL = "total"
    # The key is the hour of the week, from 000 on Monday at midnight to 167.
    HOUR = "hour"
    # The key is our number.
    LINE = "line"
    # The key is a reason of `narrowing.REASONS`, for who gave up with how long they waited.
    REASON = "reason"
    # The key is one of `narrowing.REACHED` and how many seconds it took.
    REACHED = "reached"
    # The key is the longest of these seconds and the id of the call.
    WORST = "worst"


@dataclass(frozen=True, slots=True)
class LogCall:
    """What is counted of a call; `talked_at` is when anybody first talked with the client after."""

    talked_at: datetime | None
    id: int
    started_at: datetime
    ended_at: datetime | None
    direction: str
    has_talk: bool
    is_missed: bool
    why_missed: str | None
    did: str
    user_id: int | None
    talk_seconds: int | None
    ring_seconds: int | None


@dataclass(frozen=True, slots=True)
class LogLeg:
    """What is counted of a colleague's part in a call."""

    call_id: int
    user_id: int
    had_it: bool
    talk_seconds: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """What a count is of: of which kind, whose calls, on which day."""

    kind: Kind
    whose: int
    day: date
    key: str


@dataclass(slots=True)
class Count:
    """How many calls there were; `reached` are those in which a client whom we called answered.

    `seconds` is the time talked; of missed calls how long the callers waited.
    """

    incoming: int = 0
    answered: int = 0
    missed: int = 0
    outgoing: int = 0
    reached: int = 0
    internal: int = 0
    seconds: int = 0

    def add(self, other: "Count") -> None:
        """Add another count to this one."""
        self.incoming += other.incoming
        self.answered += other.answered
        self.missed += other.missed
        self.outgoing += other.outgoing
        self.reached += other.reached
        self.internal += other.internal
        self.seconds += other.seconds


Counts = Mapping[Row, Count]


@dataclass(slots=True)
class _Part:
    """What a colleague had to do with a call."""

    talked: bool = False
    seconds: int | None = None
    placed: bool = False


@dataclass(slots=True)
class _Day:
    """The counts while they are made."""

    rows: dict[Row, Count] = field(default_factory=lambda: defaultdict(Count))
    worst: dict[tuple[int, date], tuple[int, int]] = field(default_factory=dict)


def count(calls: Iterable[LogCall], legs: Iterable[LogLeg], hours: OpeningHours) -> Counts:
    """Count calls, whose parts are `legs`, by the days and hours of the office."""
    by_call: dict[int, list[LogLeg]] = defaultdict(list)
    for leg in legs:
        by_call[leg.call_id].append(leg)
    found = _Day()
    for call in calls:
        _count(call, _parts(call, by_call[call.id]), hours, found)
    for (whose, day), (seconds, call_id) in found.worst.items():
        found.rows[Row(Kind.WORST, whose, day, f"{seconds:09}:{call_id}")] = Count(missed=1)
    return found.rows


def _parts(call: LogCall, legs: Iterable[LogLeg]) -> dict[int, _Part]:
    parts: dict[int, _Part] = defaultdict(_Part)
    if call.user_id is not None:
        part = parts[call.user_id]
        part.talked, part.placed = call.has_talk, True
    for leg in legs:
        part = parts[leg.user_id]
        part.talked = part.talked or (leg.had_it and call.has_talk)
        if leg.talk_seconds is not None:
            part.seconds = (part.seconds or 0) + leg.talk_seconds
    talkers = [part for part in parts.values() if part.talked]
    if len(talkers) == 1 and talkers[0].seconds is None:
        # Nothing to divide.
        talkers[0].seconds = call.talk_seconds
    return parts


def _count(call: LogCall, parts: Mapping[int, _Part], hours: OpeningHours, found: _Day) -> None:
    began = call.started_at.astimezone(hours.zone)
    day, hour = began.date(), f"{began.weekday() * 24 + began.hour:03}"
    seconds = call.talk_seconds or 0 if call.has_talk else 0
    counts = {OFFICE: _of_call(call, _Part(call.has_talk, seconds, placed=True))}
    counts |= {user_id: _of_call(call, part) for user_id, part in parts.items()}
    for whose, number in counts.items():
        for kind, key in ((Kind.TOTAL, ""), (Kind.HOUR, hour), (Kind.LINE, call.did)):
            found.rows[Row(kind, whose, day, key)].add(number)
    if call.why_missed:
        waited = Count(missed=1, seconds=call.ring_seconds or 0)
        key = reason_of(call, is_open=hours.is_open(call.started_at))
        for whose in counts:
            found.rows[Row(Kind.REASON, whose, day, key)].add(waited)
    if call.is_missed:
        took = _took(call)
        key = f"{_when(call, took, hours)}:{_rounded(took):09}"
        for whose in counts:
            found.rows[Row(Kind.REACHED, whose, day, key)].add(Count(missed=1))
            if took is not None:
                worst = max(found.worst.get((whose, day), (-1, 0)), (took, call.id))
                found.worst[whose, day] = worst


def _of_call(call: LogCall, part: _Part) -> Count:
    """Count one call for one colleague, or for the office as one who has part in all."""
    if call.direction == Direction.INTERNAL:
        return Count(internal=1)
    if call.direction == Direction.OUTBOUND:
        seconds = part.seconds or 0 if part.talked else 0
        return Count(outgoing=int(part.placed), reached=int(part.talked), seconds=seconds)
    return Count(
        incoming=1,
        answered=int(part.talked),
        missed=int(call.is_missed),
        seconds=part.seconds or 0 if part.talked else 0,
    )


def reason_of(call: LogCall, *, is_open: bool) -> str:
    """Say why a call was missed; for who gave up while it rang, with how long they waited."""
    why = call.why_missed or WhyMissed.UNKNOWN
    if not is_open and why not in AT_ANY_HOUR:
        return CLOSED
    if why == WhyMissed.GAVE_UP and call.ring_seconds is not None:
        since = max(since for since, _ in WAITS if since <= max(call.ring_seconds, 0))
        return f"{why}-{since}"
    return str(why)


def _took(call: LogCall) -> int | None:
    """Seconds from a missed call to the first talk, None when there was none in time."""
    if call.talked_at is None:
        return None
    took = (call.talked_at - (call.ended_at or call.started_at)).total_seconds()
    return max(int(took), 0) if took <= REACHED_WITHIN.total_seconds() else None


def _when(call: LogCall, took: int | None, hours: OpeningHours) -> str:
    if took is None or call.talked_at is None:
        return NEVER
    exact = (call.talked_at - (call.ended_at or call.started_at)).total_seconds()
    if exact <= SOON[QUARTER]:
        return QUARTER
    if exact <= SOON[HOUR]:
        return HOUR
    over = call.ended_at or call.started_at
    days = {moment.astimezone(hours.zone).date() for moment in (over, call.talked_at)}
    return DAY if len(days) == 1 else LATER


def _rounded(took: int | None) -> int:
    if took is None:
        return 0
    step = next(step for most, step in _STEPS if took < most)
    return (took + step // 2) // step * step
