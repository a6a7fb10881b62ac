"""Reading and changing when the office is open. No verb here commits."""

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo

from crm_app import database
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import change
from crm_app.office.hours import OpeningHours, day_text, holidays_text, read_day, read_holidays
from crm_app.office.models import DAYS, StoredHours
from crm_app.security import events
from crm_app.security.events import Kind

FIELDS = (*DAYS, "holidays")


def opening_hours(timezone: str) -> OpeningHours:
    """Return when the office is open; `timezone` is the office's."""
    stored = StoredHours.current()
    return parsed(timezone, stored.week, stored.holidays)


def hours_that_were_set(timezone: str) -> OpeningHours | None:
    """Return when the office is open, None while nobody has said so.

    Until then nobody is off shift: the usual hours are a guess, good for due times only.
    """
    stored = db.session.get(StoredHours, 1)
    return None if stored is None else parsed(timezone, stored.week, stored.holidays)


def hours_as_texts() -> dict[str, str]:
    """Return the hours of each weekday and the holidays as they are typed."""
    stored = StoredHours.current()
    return {**dict(zip(DAYS, stored.week.split("\n"), strict=True)), "holidays": stored.holidays}


def change_hours(typed: Mapping[str, str], by: User) -> None:
    """Store the hours of each weekday and the holidays, as they are typed.

    Raises InvalidInputError as `read_day` and `read_holidays` do; nothing is stored then.
    """
    texts = {day: day_text(read_day(typed[day], day)) for day in DAYS}
    holidays = holidays_text(read_holidays(typed["holidays"]))
    before = hours_as_texts()
    week = "\n".join(texts.values())
    # Two requests may set it for the first time at once.
    database.add_missing(db.session, StoredHours, id=1, week=week, holidays=holidays)
    stored = db.session.get_one(StoredHours, 1, with_for_update=True)
    stored.week, stored.holidays = week, holidays
    db.session.flush()
    after = {**texts, "holidays": holidays}
    changes = {
        name: change(before[name], after[name]) for name in FIELDS if before[name] != after[name]
    }
    if changes:
        journal.record(RecordKind.OFFICE, ONLY, "hours_changed", by, changes)
        events.done(Kind.OFFICE_CHANGED, by=by.id, detail=", ".join(changes))


@lru_cache(maxsize=4)
def parsed(timezone: str, week: str, holidays: str) -> OpeningHours:
    """Read the hours as they are stored; `timezone` is the office's."""
    days = tuple(read_day(text, day) for day, text in zip(DAYS, week.split("\n"), strict=True))
    return OpeningHours(ZoneInfo(timezone), days, frozenset(read_holidays(holidays)))
