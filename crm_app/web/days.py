"""Days of the calendar as moments: where a list that is narrowed by days begins and ends."""

from datetime import date, datetime, time

from flask_babel import get_timezone

FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2999, 12, 31)


def midnight(day: date) -> datetime:
    """Give the moment a day begins for the user."""
    # Nothing was before the first day or is after the last; zones know no time far beyond them.
    naive = datetime.combine(min(max(day, FIRST_DAY), LAST_DAY), time())
    zone = get_timezone()
    # Zones of pytz must be asked for the offset of the day; the others know it by themselves.
    return zone.localize(naive) if hasattr(zone, "localize") else naive.replace(tzinfo=zone)
