"""The words of reports in the user's language: periods, measures, lengths of time."""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import numbers
from babel.dates import get_day_names
from flask_babel import format_date, format_percent, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.calls.narrowing import DAY, HOUR, NEVER, QUARTER, WAITS
from crm_app.calls.wording import WHY_MISSED, waited
from crm_app.reports.periods import Period

PERIODS = {
    "today": _l("Today"),
    "yesterday": _l("Yesterday"),
    "week": _l("This week"),
    "last_week": _l("Last week"),
    "days30": _l("Last 30 days"),
    "month": _l("This month"),
    "last_month": _l("Last month"),
    "year": _l("This year"),
}
# What is counted, and a heat map can show.
MEASURES = {
    "incoming": _l("Incoming calls"),
    "missed": _l("Missed calls"),
    "answered": _l("Answered calls"),
    "outgoing": _l("Outgoing calls"),
}
SOON = {
    QUARTER: _l("Within 15 min"),
    HOUR: _l("Within 1 h"),
    DAY: _l("Same day"),
    NEVER: _l("Never so far"),
}


def span(period: Period) -> str:
    """Write the days of a period."""
    since, until = (format_date(day, "medium") for day in (period.since, period.until))
    return since if since == until else f"{since} – {until}"


def label(since: date, until: date) -> str:
    """Write the days of a bar as briefly as possible."""
    if since == until:
        return str(format_date(since, "d MMM"))
    if since.day == 1 and (until.month, until.year) == (since.month, since.year) and until.day > 7:
        return str(format_date(since, "MMM y"))
    return f"{format_date(since, 'd MMM')} – {format_date(until, 'd MMM')}"


def weekdays() -> list[str]:
    """Name the days of the week, Monday first."""
    names = get_day_names("short", locale=get_locale())
    return [names[place].rstrip(".") for place in range(7)]


def long_span(seconds: int | None) -> str:
    """Write a length of time in its two largest units: 45 s, 7 min, 1 h 20 min, 2 d 3 h."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return str(_("%(days)s d %(hours)s h", days=days, hours=hours))
    if hours:
        return str(_("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes))
    if minutes:
        return str(_("%(minutes)s min", minutes=minutes))
    return str(_("%(seconds)s s", seconds=rest))


def percent(fraction: float | None) -> str:
    """Write a fraction in whole per cent, a dash for none."""
    if fraction is None:
        return "–"
    return _percent(round(Decimal(str(fraction)) * 100), str(get_locale()))


# A report has hundreds of these, of a hundred values.
@lru_cache(maxsize=500)
def _percent(hundredths: int, locale: str) -> str:
    return str(numbers.format_percent(hundredths / 100, locale=locale))


def change(now: int, before: int) -> str:
    """Say how much more or less a number is than the one before."""
    if not before:
        return ""
    return str(format_percent((now - before) / before, "+#,##0 %;-#,##0 %"))


def reason(code: str) -> str:
    """Name a reason of missed calls, also one with the time that callers waited."""
    why, _sign, since = code.partition("-")
    words: Any = WHY_MISSED[why]
    return waited(int(since), dict(WAITS)[int(since)]) if since else str(words)
