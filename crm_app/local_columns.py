"""A moment in a column as the wall clock of a time zone shows it, on both database engines."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Date,
    Float,
    Integer,
    Interval,
    String,
    case,
    cast,
    extract,
    func,
    literal,
)
from sqlalchemy.orm import InstrumentedAttribute

from crm_app import clock
from crm_app.database import UtcDateTime

Moment = ColumnElement[Any] | InstrumentedAttribute[Any]
# Calls of before are shown an hour off at most.
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class LocalColumns:
    """What a calendar and a clock in `zone` say of the moments in a column.

    `dialect_name` is the engine's: SQLite knows no time zones.
    """

    zone: str
    dialect_name: str

    def weekday(self, column: Moment) -> ColumnElement[int]:
        """Give the day of the week, Monday 0."""
        if self._is_sqlite:
            return (cast(self._strftime("%w", column), Integer) + 6) % 7
        return cast(extract("isodow", self._local(column)), Integer) - 1

    def minute(self, column: Moment) -> ColumnElement[int]:
        """Give the minutes since midnight by the wall clock."""
        if self._is_sqlite:
            hours = cast(self._strftime("%H", column), Integer)
            return hours * 60 + cast(self._strftime("%M", column), Integer)
        local = self._local(column)
        return cast(extract("hour", local) * 60 + extract("minute", local), Integer)

    def day(self, column: Moment) -> ColumnElement[str]:
        """Give the day of the calendar as 2026-03-02."""
        if self._is_sqlite:
            return self._strftime("%Y-%m-%d", column)
        return cast(cast(self._local(column), Date), String)

    def seconds(self, since: Moment, until: Moment) -> ColumnElement[float]:
        """Give the seconds between two moments, to the hundredth."""
        if self._is_sqlite:
            days: ColumnElement[float] = func.julianday(until) - func.julianday(since)
            return func.round(days * 86_400, 2)
        return cast(extract("epoch", until - since), Float)

    def shifted(self, column: Moment, by: timedelta) -> ColumnElement[Any]:
        """Give the moment so much later, or before, to the second."""
        if self._is_sqlite:
            return func.datetime(column, _words(by))
        return column + literal(by, Interval())

    @property
    def _is_sqlite(self) -> bool:
        return self.dialect_name == "sqlite"

    def _local(self, column: Moment) -> ColumnElement[Any]:
        return func.timezone(self.zone, column)

    def _strftime(self, shape: str, column: Moment) -> ColumnElement[str]:
        first, *later = shifts(self.zone, clock.now().year + 1)
        shift: ColumnElement[str] = literal(_words(first[1]))
        if later:
            # The latest first: lists begin with the latest calls.
            shift = case(
                *[
                    (column >= literal(since, UtcDateTime()), _words(offset))
                    for since, offset in reversed(later)
                ],
                else_=_words(first[1]),
            )
        return func.strftime(shape, column, shift)


def _words(offset: timedelta) -> str:
    return f"{int(offset.total_seconds())} seconds"


@lru_cache(maxsize=16)
def shifts(zone: str, until_year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """List when a zone's distance from UTC changes, and what it is from then on."""
    tz = ZoneInfo(zone)
    at, end = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(until_year + 1, 1, 1, tzinfo=UTC)
    found = [(at, _offset(tz, at))]
    while at < end:
        later = at + timedelta(days=7)
        if _offset(tz, later) != found[-1][1]:
            # No zone changes twice in a week.
            found.append((_change(tz, at, later), _offset(tz, later)))
        at = later
    return tuple(found)


def _change(zone: ZoneInfo, since: datetime, until: datetime) -> datetime:
    """Find the minute in which the distance from UTC changes between two moments."""
    before = _offset(zone, since)
    minutes = range(int((until - since).total_seconds()) // 60 + 1)
    place = bisect_left(
        minutes, True, key=lambda minute: _offset(zone, since + timedelta(minutes=minute)) != before
    )
    return since + timedelta(minutes=place)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
