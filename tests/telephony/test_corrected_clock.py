"""The account's clock turns out to be another: what was read by the wrong one is read again."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.office.services import opening_hours
from crm_app.reports import services as reports
from crm_app.reports.models import ReportCount
from crm_app.reports.periods import Period
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import account_clock, asking, rereading, taking
from crm_app.telephony.reconciliation.taking import HISTORY
from crm_app.telephony.zadarma.replies import StatisticsLeg
from tests.owed import perform
from tests.telephony.test_cabinet_file import HEAD, record, take_in

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
FILES = "/telephony/history/files"
WALL_CLOCK = "%Y-%m-%d %H:%M:%S"


@pytest.fixture
def office(connected: Flask) -> Iterator[time_machine.Traveller]:
    """An office far from where its account says that it is, some weeks after it began."""
    with time_machine.travel(NOW, tick=False) as moment:
        yield moment


def says(hours: float, heard: float | None = None) -> None:
    """Let the account say what its clock shows, and the calls, if any are given."""
    settings = TelephonySettings.for_change()
    settings.note_clock(round(hours * 3600), "UTC")
    if heard is not None:
        account_clock.note(settings, round(heard * 3600), "events")
    db.session.commit()


def load(*walls: str, extension: str = "101") -> None:
    """Take old calls in, by the clock as it is known now."""
    for number, wall in enumerate(walls):
        leg = StatisticsLeg(
            pbx_call_id=f"in_{int(wall[8:10]):02x}{number:038x}", recording_id=f"177{number}.1",
            extension=extension, started=wall, caller="351910000371", called="351211000370",
            disposition="answered", disposition_raw="answered", talk_seconds=35, is_recorded=False,
        )  # fmt: skip
        taking.take_all([leg], asking.source(HISTORY))
    db.session.commit()


def hear(moment: datetime, offset: timedelta, count: int = 1) -> None:
    """Let the notifications of some calls come as they begin."""
    for number in range(count):
        at = moment + timedelta(minutes=number)
        wall = (at + offset).strftime(WALL_CLOCK)
        name = f"in_{int(at.timestamp()):040x}"
        fact = Fact(FactKind.STARTED, name, at, caller="+351910000379", pbx_time=wall)
        ledger.record(db.session.connection(), fact, "")
    db.session.commit()


def began() -> list[str]:
    """When each call that only the statistics have brought began, the first one first."""
    moments = select(Call.started_at).where(Call.listed_on.is_not(None)).order_by(Call.started_at)
    found = [at.strftime("%d %H:%M") for at in db.session.scalars(moments)]
    db.session.commit()
    return found


def read_again() -> None:
    for _ in range(8):
        perform(rereading.JOB)


def test_calls_loaded_by_a_wrong_word_are_put_right_once_a_call_shows_the_clock(
    office: time_machine.Traveller,
) -> None:
    says(0)
    load("2026-03-01 09:15:07", "2026-03-02 01:00:00")
    read_again()
    assert began() == ["01 09:15", "02 01:00"]
    hear(NOW, timedelta(hours=3))
    says(0, heard=3)
    read_again()
    assert began() == ["01 06:15", "01 22:00"]
    facts = db.session.scalars(select(CallFact).where(CallFact.kind == FactKind.LISTED)).all()
    assert {one.content_key for one in facts} == {one.fact.content_key() for one in facts}
    assert TelephonySettings.current().rows_read_again_at == NOW


def test_whatever_was_read_before_the_clock_was_known_is_read_by_it(
    office: time_machine.Traveller,
) -> None:
    load("2026-03-01 09:15:07")
    read_again()
    assert began() == ["01 09:15"]
    says(-4.5)
    read_again()
    assert began() == ["01 13:45"]


def test_a_clock_that_was_changed_leaves_what_was_read_rightly_before(
    office: time_machine.Traveller,
) -> None:
    says(3)
    hear(NOW - timedelta(days=1), timedelta(hours=3), count=12)
    says(3, heard=3)
    read_again()
    load("2026-03-01 09:15:07")
    hear(NOW, timedelta(hours=4), count=12)
    says(3, heard=4)
    read_again()
    load("2026-03-02 09:15:07")
    assert began() == ["01 06:15", "02 05:15"]
    assert not TelephonySettings.current().rows_are_doubted
    assert TelephonySettings.current().rows_read_again_at is None


def test_summer_time_by_the_accounts_own_word_leaves_the_winters_calls(
    office: time_machine.Traveller,
) -> None:
    says(3)
    read_again()
    load("2026-03-01 09:15:07")
    says(4)
    read_again()
    assert began() == ["01 06:15"]


def test_a_first_call_that_came_late_leads_astray_only_until_others_come(
    office: time_machine.Traveller,
) -> None:
    says(3)
    read_again()
    load("2026-03-01 09:15:07")
    hear(NOW, timedelta(hours=2, minutes=30))
    says(3, heard=2.5)
    read_again()
    assert began() == ["01 06:45"]
    hear(NOW + timedelta(hours=1), timedelta(hours=3), count=3)
    says(3, heard=3)
    read_again()
    assert began() == ["01 06:15"]


def test_it_goes_on_after_a_crash_and_begins_again_where_the_clock_changes_once_more(
    office: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "ROWS_AT_ONCE", 2)
    says(0)
    load(*(f"2026-03-{day:02} 09:15:07" for day in range(1, 8)))
    hear(NOW, timedelta(hours=3))
    says(0, heard=3)
    step = rereading.perform({})
    assert step is not None
    db.session.commit()
    lost = rereading.perform(step.payload)
    assert lost is not None
    db.session.rollback()
    assert began().count("03 09:15") == 1
    going_on = rereading.perform(step.payload)
    assert going_on is not None
    db.session.commit()
    assert began()[:5] == ["01 06:15", "02 06:15", "03 06:15", "04 06:15", "05 09:15"]
    # As it was in the beginning: half of the calls are read by the other clock.
    settings = TelephonySettings.for_change()
    settings.heard_offset_seconds = 0
    db.session.commit()
    following = rereading.perform(going_on.payload)
    while following is not None:
        db.session.commit()
        following = rereading.perform(following.payload)
    db.session.commit()
    assert began() == [f"{day:02} 09:15" for day in range(1, 8)]


def test_calls_of_an_account_before_keep_the_times_of_its_clock(
    office: time_machine.Traveller, key: str
) -> None:
    says(3, heard=3)
    load("2026-03-01 09:15:07")
    office.shift(timedelta(minutes=5))
    services._forget_account(TelephonySettings.for_change())
    db.session.commit()
    office.shift(timedelta(minutes=5))
    says(0)
    load("2026-03-02 09:15:07")
    hear(clock.now(), timedelta(hours=1))
    says(0, heard=1)
    read_again()
    assert began() == ["01 06:15", "02 08:15"]


def test_both_days_of_a_call_that_moves_are_counted_again(
    office: time_machine.Traveller,
) -> None:
    def counted() -> dict[date, int]:
        hours = opening_hours("UTC")
        numbers = reports.read(Period(date(2026, 3, 1), date(2026, 3, 2)), 0, [], hours)
        db.session.rollback()
        return {day: one.answered for day, one in numbers.by_day.items() if one.answered}

    says(0)
    load("2026-03-02 01:00:00")
    for _ in range(4):
        perform("count_calls")
        office.shift(timedelta(minutes=3))
    assert db.session.scalars(select(ReportCount.day)).first() == date(2026, 3, 2)
    assert counted() == {date(2026, 3, 2): 1}
    hear(clock.now(), timedelta(hours=3))
    says(0, heard=3)
    read_again()
    assert counted() == {date(2026, 3, 1): 1}
    for _ in range(4):
        perform("count_calls")
        office.shift(timedelta(minutes=3))
    assert counted() == {date(2026, 3, 1): 1}


def test_the_pages_say_that_times_are_worked_out_again_and_that_they_were(
    office: time_machine.Traveller, alice: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(alice)
    says(0)
    load("2026-03-01 09:15:07")
    read_again()
    assert "data-rows" not in browser.get("/telephony/balance").text
    hear(NOW, timedelta(hours=3))
    says(0, heard=3)
    assert 'data-rows="doubted"' in browser.get("/telephony/balance").text
    read_again()
    assert 'data-rows="read-again"' in browser.get("/telephony/balance").text


def test_a_file_taken_in_before_the_clock_is_known_says_so_and_is_put_right(
    connected: Flask, tmp_path: Path, alice: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(alice)
    assert "data-clock-unknown" in browser.get(FILES).text
    path = tmp_path / "calls.csv"
    path.write_text(f"{HEAD}\n{record(1)}\n")
    got = connected.test_cli_runner().invoke(args=["calls", "import", str(path), "--json"])
    assert json.loads(got.stdout)["new"] == 1
    assert "not known yet" in got.stderr
    says(3)
    read_again()
    assert began() == ["02 06:15"]
    assert take_in(connected, path)[1]["same"] == 1
    assert "data-clock-unknown" not in browser.get(FILES).text
    sent = {"file": (io.BytesIO(path.read_bytes()), "calls.csv")}
    assert browser.post(FILES, data=sent).status_code == 303
