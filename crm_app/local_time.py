"""The calendar and the clock of a time zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from crm_app import clock

# Days that a filter may name; conversions between zones fail far beyond them.
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2999, 12, 31)
# A year further away was mistyped.
_FURTHEST = timedelta(days=36525)


def is_too_far(moment: datetime) -> bool:
    """Whether a moment is more than a hundred years ahead."""
    return moment > clock.now() + _FURTHEST


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The present as the user's wall clock shows it."""

    now: datetime
    zone: tzinfo

    @classmethod
    def of(cls, zone_name: str) -> "LocalTime":
        """Read the clock of a zone such as Europe/Lisbon."""
        return cls(clock.now(), ZoneInfo(zone_name))

    @property
    def today(self) -> date:
        """Return the day of the calendar."""
        return self.now.astimezone(self.zone).date()

    @property
    def day_ends_at(self) -> datetime:
        """Return the moment at which tomorrow begins; days of 23 and 25 hours are right too."""
        return datetime.combine(self.today + timedelta(days=1), time.min, self.zone)

    def moment(self, day: date, at: time) -> datetime:
        """Return the moment when the wall clock shows that time on that day.

        Where the clock is put forward over it, the same distance after midnight is meant; where
        it is put back and shows it twice, the first.
        """
        return datetime.combine(day, at, self.zone)

    def midnight(self, day: date) -> datetime:
        """Return the moment a day begins."""
        return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY), time.min, self.zone)

    def day_over(self, day: date) -> datetime:
        """Return the moment a day ends."""
        return self.midnight(min(day, LAST_DAY) + timedelta(days=1))

    def chips(self) -> dict[str, date]:
        """Return the days that a new task is mostly due on."""
        to_monday = 7 - self.today.weekday()
        return {
            "today": self.today,
            "tomorrow": self.today + timedelta(days=1),
            "monday": self.today + timedelta(days=to_monday),
            "week": self.today + timedelta(days=7),
        }
