"""The days of a report, and those that it is compared with."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from crm_app.local_time import FIRST_DAY, LAST_DAY
from crm_app.records.lists import day_of

DEFAULT = "days30"
CHOICES = ("today", "yesterday", "week", "last_week", DEFAULT, "month", "last_month", "year")
# Two years, with a leap day.
MOST_DAYS = 731


@dataclass(frozen=True, slots=True)
class Period:
    """From one day to another, both included; `name` is one of CHOICES, "" for chosen days."""

    since: date
    until: date
    name: str = ""

    @property
    def days(self) -> int:
        """Count the days."""
        return (self.until - self.since).days + 1

    def before(self) -> Self:
        """Return the period to compare with: the same days of the month before, or as many days."""
        if self.since.day == 1 and self.days > 1 and self.until < _month_after(self.since):
            since = (self.since - timedelta(days=1)).replace(day=1)
            is_whole = self.until + timedelta(days=1) == _month_after(self.since)
            last = self.since - timedelta(days=1)
            until = last if is_whole else min(since + timedelta(days=self.days - 1), last)
            return type(self)(since, until)
        if self.name == "week":
            # A week that has begun is compared with the same days of the last one.
            return type(self)(self.since - timedelta(days=7), self.until - timedelta(days=7))
        return type(self)(self.since - timedelta(days=self.days), self.since - timedelta(days=1))


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def named(name: str, today: date) -> Period:
    """Return one of CHOICES as the days are today; what is none of them is the default."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    last_of_month = first - timedelta(days=1)
    spans = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "week": (monday, today),
        "last_week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        DEFAULT: (today - timedelta(days=29), today),
        "month": (first, today),
        "last_month": (last_of_month.replace(day=1), last_of_month),
        "year": (today.replace(month=1, day=1), today),
    }
    name = name if name in spans else DEFAULT
    return Period(*spans[name], name)


def asked_for(name: str, since: str, until: str, today: date) -> Period:
    """Read what an address asks for: two days, else a name; at most MOST_DAYS, never refused."""
    first, last = day_of(since), day_of(until)
    if first is None or last is None:
        return named(name, today)
    first, last = sorted(min(max(day, FIRST_DAY), LAST_DAY) for day in (first, last))
    return Period(max(first, last - timedelta(days=MOST_DAYS - 1)), last)
