"""Opening hours: when the office works, as pure functions of a week and its holidays."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from crm_app.errors import InvalidInputError

# An interval of a day in minutes after midnight, its end excluded; 1440 is the end of the day.
Interval = tuple[int, int]
Day = tuple[Interval, ...]

NINE_TO_SIX: Day = ((9 * 60, 18 * 60),)
WORKING_WEEK: tuple[Day, ...] = (*[NINE_TO_SIX] * 5, (), ())
MOST_INTERVALS = 4
MOST_HOLIDAYS = 400
_FARTHEST = timedelta(days=400)
_DAY_MINUTES = 24 * 60
_INTERVAL = re.compile(
    r"(?P<from>\d{1,2}(?:[:.h]\d{2})?)\s*h?\s*[-–—]\s*(?P<to>\d{1,2}(?:[:.h]\d{2})?)\s*h?\Z"
)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The hours of each weekday (Monday first), the days without any, and the time zone of both.

    An office that never opens counts as always open: nothing waits for an opening that never comes.
    """

    zone: ZoneInfo
    week: tuple[Day, ...] = WORKING_WEEK
    holidays: frozenset[date] = frozenset()

    def is_open(self, moment: datetime) -> bool:
        """Whether the office works at a moment."""
        if self._never_opens:
            return True
        day = moment.astimezone(self.zone).date()
        return any(opens <= moment < closes for opens, closes in self._on(day))

    def next_opening(self, moment: datetime) -> datetime:
        """Return the moment itself while the office is open, else when it opens next."""
        if self.is_open(moment):
            return moment
        return next((max(opens, moment) for opens, _ in self._after(moment)), moment)

    def next_change(self, moment: datetime) -> datetime | None:
        """Return when the office opens or closes next, None when it never does."""
        if self._never_opens:
            return None
        return next((at for span in self._after(moment) for at in span if at > moment), None)

    def add(self, moment: datetime, working: timedelta) -> datetime:
        """Return when so much working time has passed since a moment.

        At most the working time of 400 days; what is asked beyond is added as plain time.
        """
        if self._never_opens:
            return moment + working
        left, at = working, moment
        for opens, closes in self._after(moment):
            at = max(opens, moment)
            if left <= closes - at:
                return at + left
            left -= closes - at
            at = closes
        return at + left

    def working_time(self, since: datetime, until: datetime) -> timedelta:
        """Add up the working time between two moments; of a longer span the last 400 days."""
        if until <= since:
            return timedelta()
        since = max(since, until - _FARTHEST).astimezone(UTC)
        until = until.astimezone(UTC)
        if self._never_opens:
            return until - since
        total = timedelta()
        for opens, closes in self._after(since):
            if opens >= until:
                break
            total += min(closes, until) - max(opens, since)
        return total

    @property
    def _never_opens(self) -> bool:
        return not any(self.week)

    def _after(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Give the intervals that end after a moment, for 400 days, in UTC."""
        first = moment.astimezone(self.zone).date()
        # Of the day before, one may last until midnight.
        for offset in range(-1, _FARTHEST.days):
            for opens, closes in self._on(first + timedelta(days=offset)):
                if closes > moment:
                    yield opens, closes

    def _on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if day in self.holidays:
            return
        for begins, ends in self.week[day.weekday()]:
            yield self._moment(day, begins), self._moment(day, ends)

    def _moment(self, day: date, minutes: int) -> datetime:
        if minutes >= _DAY_MINUTES:
            day, minutes = day + timedelta(days=1), 0
        wall = datetime.combine(day, time(minutes // 60, minutes % 60), self.zone)
        # Two moments of one zone differ by their wall clocks; in UTC days of 23 hours are right.
        return wall.astimezone(UTC)


def read_day(text: str, field: str) -> Day:
    """Read the hours of a day: "9-13, 14:00-18:00"; nothing is a day without any.

    Raises InvalidInputError (hours_unreadable, hours_backwards, hours_overlap) on `field`.
    """
    intervals: list[Interval] = []
    parts = [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    for part in parts[: MOST_INTERVALS + 1]:
        found = _INTERVAL.match(part)
        if found is None:
            raise InvalidInputError("hours_unreadable", field)
        begins, ends = _minutes(found["from"], field), _minutes(found["to"], field)
        if begins >= ends:
            raise InvalidInputError("hours_backwards", field)
        intervals.append((begins, ends))
    if len(intervals) > MOST_INTERVALS:
        raise InvalidInputError("hours_unreadable", field)
    intervals.sort()
    for (_, ends), (begins, _) in pairwise(intervals):
        if begins < ends:
            raise InvalidInputError("hours_overlap", field)
    return tuple(intervals)


def day_text(day: Day) -> str:
    """Write the hours of a day so that `read_day` reads them: "09:00-13:00, 14:00-18:00"."""
    return ", ".join(f"{_clock_text(begins)}-{_clock_text(ends)}" for begins, ends in day)


def read_holidays(text: str) -> tuple[date, ...]:
    """Read holidays, a day in each line as 2026-12-25; each once, in order.

    Raises InvalidInputError on `holidays`: holiday_unreadable (line), too_many_holidays (most).
    """
    days: set[date] = set()
    for line in filter(None, (line.strip() for line in text.splitlines())):
        try:
            days.add(date.fromisoformat(line))
        except ValueError:
            raise InvalidInputError("holiday_unreadable", "holidays", line=line[:40]) from None
    if len(days) > MOST_HOLIDAYS:
        raise InvalidInputError("too_many_holidays", "holidays", most=MOST_HOLIDAYS)
    return tuple(sorted(days))


def holidays_text(days: Iterable[date]) -> str:
    """Write holidays, one in each line."""
    return "\n".join(day.isoformat() for day in sorted(days))


def _minutes(text: str, field: str) -> int:
    hours, _, minutes = re.sub(r"[.h]", ":", text).partition(":")
    total = int(hours) * 60 + int(minutes or 0)
    if int(minutes or 0) > 59 or total > _DAY_MINUTES:
        raise InvalidInputError("hours_unreadable", field)
    return total


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
