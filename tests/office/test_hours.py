"""Opening hours: pure functions of a week, its holidays and a time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_app.errors import InvalidInputError
from crm_app.office.hours import (
    OpeningHours,
    day_text,
    holidays_text,
    read_day,
    read_holidays,
)

LISBON = ZoneInfo("Europe/Lisbon")
USUAL = OpeningHours(LISBON)
SPLIT = OpeningHours(LISBON, (((9 * 60, 13 * 60), (14 * 60, 18 * 60)),) * 5 + ((), ()))
CLOSED = OpeningHours(LISBON, ((),) * 7)
ROUND_THE_CLOCK = OpeningHours(LISBON, (((0, 1440),),) * 7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LISBON)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02 08:59", False),
        ("2026-03-02 09:00", True),
        ("2026-03-02 17:59", True),
        ("2026-03-02 18:00", False),
        ("2026-03-07 12:00", False),
    ],
)
def test_it_is_open_from_the_first_minute_to_before_the_last(moment: str, *, is_open: bool) -> None:
    assert USUAL.is_open(at(moment)) == is_open


def test_a_holiday_is_a_day_without_hours() -> None:
    hours = OpeningHours(LISBON, holidays=frozenset({date(2026, 3, 2)}))
    assert not hours.is_open(at("2026-03-02 12:00"))
    assert hours.next_opening(at("2026-03-02 12:00")) == at("2026-03-03 09:00")


@pytest.mark.parametrize(
    ("moment", "minutes", "due"),
    [
        ("2026-03-02 10:00", 15, "2026-03-02 10:15"),
        # A miss at night is due after the opening, one on Friday evening on Monday.
        ("2026-03-02 03:00", 15, "2026-03-02 09:15"),
        ("2026-03-06 17:55", 15, "2026-03-09 09:10"),
        ("2026-03-06 18:30", 480, "2026-03-09 17:00"),
        ("2026-03-02 09:00", 540, "2026-03-02 18:00"),
        ("2026-03-02 09:00", 541, "2026-03-03 09:01"),
    ],
)
def test_working_minutes_are_added_within_the_hours(moment: str, minutes: int, due: str) -> None:
    assert USUAL.add(at(moment), timedelta(minutes=minutes)) == at(due)


def test_the_hours_may_have_a_pause() -> None:
    assert SPLIT.add(at("2026-03-02 12:55"), timedelta(minutes=15)) == at("2026-03-02 14:10")
    assert SPLIT.working_time(at("2026-03-02 00:00"), at("2026-03-03 00:00")) == timedelta(hours=8)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-03-02 17:00", "2026-03-03 10:00", 2),
        ("2026-03-06 12:00", "2026-03-09 12:00", 9),
        ("2026-03-03 10:00", "2026-03-02 17:00", 0),
        ("2026-03-07 10:00", "2026-03-08 17:00", 0),
    ],
)
def test_working_time_lies_within_the_hours(since: str, until: str, hours: int) -> None:
    assert USUAL.working_time(at(since), at(until)) == timedelta(hours=hours)


def test_the_days_on_which_the_clock_changes_have_23_and_25_hours() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        begins = datetime(day.year, day.month, day.day, tzinfo=LISBON)
        ends = datetime(day.year, day.month, day.day + 1, tzinfo=LISBON)
        assert ROUND_THE_CLOCK.working_time(begins, ends) == timedelta(hours=hours)


def test_an_office_that_never_opens_keeps_nothing_waiting() -> None:
    moment = at("2026-03-07 03:00")
    assert CLOSED.is_open(moment)
    assert CLOSED.next_opening(moment) == moment
    assert CLOSED.add(moment, timedelta(minutes=15)) == moment + timedelta(minutes=15)
    assert CLOSED.working_time(moment, moment + timedelta(hours=1)) == timedelta(hours=1)


@given(
    st.integers(0, 60 * 24 * 366),
    st.integers(0, 3_000),
)
def test_what_was_added_is_the_working_time_between(minute: int, minutes: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    for hours in (USUAL, SPLIT, ROUND_THE_CLOCK):
        due = hours.add(moment, timedelta(minutes=minutes))
        assert hours.working_time(moment, due) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("9-18", "09:00-18:00"),
        ("9h-13h, 14:30 – 18.15", "09:00-13:00, 14:30-18:15"),
        ("14:00-18:00; 9:00-13:00", "09:00-13:00, 14:00-18:00"),
        ("0-24", "00:00-24:00"),
    ],
)
def test_hours_are_read_as_people_type_them(typed: str, kept: str) -> None:
    day = read_day(typed, "monday")
    assert day_text(day) == kept
    assert read_day(kept, "monday") == day


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("morning", "hours_unreadable"),
        ("9-25", "hours_unreadable"),
        ("9:70-18", "hours_unreadable"),
        ("1-2,3-4,5-6,7-8,9-10", "hours_unreadable"),
        ("18-9", "hours_backwards"),
        ("9-9", "hours_backwards"),
        ("9-14, 13-18", "hours_overlap"),
    ],
)
def test_hours_that_make_no_sense_are_refused(typed: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_day(typed, "monday")
    assert (refused.value.code, refused.value.field) == (code, "monday")


def test_holidays_are_kept_once_and_in_order() -> None:
    days = read_holidays("2026-12-25\n\n 2026-01-01 \n2026-12-25\n")
    assert days == (date(2026, 1, 1), date(2026, 12, 25))
    assert holidays_text(days) == "2026-01-01\n2026-12-25"
    with pytest.raises(InvalidInputError) as refused:
        read_holidays("2026-12-25\nChristmas")
    assert (refused.value.code, refused.value.details) == (
        "holiday_unreadable", {"line": "Christmas"},
    )  # fmt: skip
