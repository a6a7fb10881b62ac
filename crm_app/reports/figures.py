"""What a report shows, made of counts: colleagues, reaction, hours, lines, reasons."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from crm_app.calls.fold.why_missed import WhyMissed
from crm_app.calls.narrowing import DAY, HOUR, NEVER, QUARTER, REASONS, WAITS
from crm_app.reports.counting import Count, Kind
from crm_app.reports.periods import Period
from crm_app.reports.services import Numbers, Sums

# Each includes the one before.
SOON = (QUARTER, HOUR, DAY)
HEAT_STEPS = 6
_DAILY, _WEEKLY = 45, 200


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a number of calls."""

    part: int
    whole: int

    @property
    def fraction(self) -> float | None:
        """The part as a fraction, None of nothing."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Reaction:
    """How soon somebody talked with the clients of missed calls; times in seconds.

    `worst_call` is the call after which it took longest.
    """

    missed: int
    within: dict[str, Share]
    median: int | None
    worst: int | None
    worst_call: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: a colleague, a line of the office, a reason, with its count."""

    key: str
    name: str
    count: Count
    before: Count
    reaction: Reaction | None = None

    @property
    def answered(self) -> Share:
        """The share of those answered among the calls that had to be."""
        return Share(self.count.answered, self.count.answered + self.count.missed)

    @property
    def mean(self) -> int | None:
        """The mean length of a talk in seconds."""
        talks = self.count.answered + self.count.reached
        return round(self.count.seconds / talks) if talks else None


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of some days that follow each other."""

    since: date
    until: date
    count: Count


def colleagues(numbers: Numbers, people: Iterable[tuple[int, str]]) -> list[Line]:
    """List those who had a call in the period or before it, in the order given."""
    now, before, none = numbers.now, numbers.before, Count()
    return [
        of_one(numbers, user_id, name)
        for user_id, name in people
        if now.total(user_id) != none or before.total(user_id) != none
    ]


def of_one(numbers: Numbers, whose: int, name: str) -> Line:
    """Return the line of one colleague, or of the office."""
    total, before = numbers.now.total(whose), numbers.before.total(whose)
    return Line(str(whose), name, total, before, reaction(numbers.now, whose))


def reaction(sums: Sums, whose: int) -> Reaction:
    """Return how soon the clients were talked with whose calls somebody missed."""
    by_time: dict[str, int] = {}
    seconds: dict[int, int] = {}
    for key, number in sums.of(Kind.REACHED, whose).items():
        when, _, took = key.partition(":")
        by_time[when] = by_time.get(when, 0) + number.missed
        if when != NEVER:
            seconds[int(took)] = seconds.get(int(took), 0) + number.missed
    missed, so_far = sum(by_time.values()), 0
    within = {}
    for when in SOON:
        so_far += by_time.get(when, 0)
        within[when] = Share(so_far, missed)
    within[NEVER] = Share(by_time.get(NEVER, 0), missed)
    worst = next(iter(sums.of(Kind.WORST, whose)), "")
    longest, _, call_id = worst.partition(":")
    median = _median(seconds)
    # Times are rounded before they are counted, the longest is not.
    if median is not None and longest:
        median = min(median, int(longest))
    return Reaction(
        missed,
        within,
        median,
        int(longest) if longest else None,
        int(call_id) if call_id else None,
    )


def _median(counted: Mapping[int, int]) -> int | None:
    """Return the median of values, each with its number."""
    half, so_far = (sum(counted.values()) + 1) // 2, 0
    for value in sorted(counted):
        so_far += counted[value]
        if so_far >= half:
            return value
    return None


def lines(numbers: Numbers, whose: int) -> list[Line]:
    """List our numbers, those with the most calls first; "" is a call on which none was named."""
    before = numbers.before.of(Kind.LINE, whose)
    found = [
        Line(did, did, count, before.get(did, Count()))
        for did, count in numbers.now.of(Kind.LINE, whose).items()
        if count.incoming or count.outgoing
    ]
    return sorted(found, key=lambda line: (-line.count.incoming - line.count.outgoing, line.key))


def reasons(numbers: Numbers, whose: int) -> list[tuple[str, Count, list[tuple[str, Count]]]]:
    """List why calls were missed, the most frequent first, those who gave up by their patience.

    Gives the reason, how many, and the same of its parts.
    """
    counts = numbers.now.of(Kind.REASON, whose)
    found = []
    for reason in REASONS:
        keys = [str(reason)]
        if reason == WhyMissed.GAVE_UP:
            keys += [f"{reason}-{since}" for since, _ in WAITS]
        total = Count()
        for key in keys:
            total.add(counts.get(key, Count()))
        parts = [(key, counts[key]) for key in keys[1:] if key in counts]
        if total.missed:
            found.append((str(reason), total, parts))
    return sorted(found, key=lambda one: -one[1].missed)


def heat(numbers: Numbers, whose: int, measure: str) -> tuple[range, list[list[int]], int]:
    """Return the hours with calls, how many of a measure each has by weekday, and the most."""
    counts = numbers.now.of(Kind.HOUR, whose)
    cells = [[0] * 7 for _ in range(24)]
    for key, count in counts.items():
        weekday, hour = divmod(int(key), 24)
        cells[hour][weekday] = getattr(count, measure)
    used = [hour for hour in range(24) if any(cells[hour])]
    # At least a working day, so that an empty one looks like one.
    hours = range(min([9, *used]), max([17, *used]) + 1)
    return hours, cells, max(max(row) for row in cells)


def step(value: int, most: int) -> int:
    """Return how dark a cell is: 0 for nothing, HEAT_STEPS for the most."""
    return -(-value * HEAT_STEPS // most) if value and most else 0


def bars(numbers: Numbers, period: Period) -> list[Bar]:
    """Return the calls of each day, of longer periods of each week or month."""
    found: list[Bar] = []
    since = period.since
    while since <= period.until:
        until = min(_end_of_bar(since, period.days), period.until)
        total = Count()
        for place in range((until - since).days + 1):
            total.add(numbers.by_day.get(since + timedelta(days=place), Count()))
        found.append(Bar(since, until, total))
        since = until + timedelta(days=1)
    return found


def _end_of_bar(since: date, days: int) -> date:
    if days <= _DAILY:
        return since
    if days <= _WEEKLY:
        return since + timedelta(days=6 - since.weekday())
    return (since.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
