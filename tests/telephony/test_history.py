"""Loading old calls: at the API's pace, stopped and gone on with, and without consequences."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallWrapup
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.simulator import Simulator
from crm_app.telephony.reconciliation import commands, history, nightly, polling
from crm_app.telephony.reconciliation.asking import Wait
from crm_app.telephony.reconciliation.models import HistoryLoad
from tests.owed import perform
from tests.sleeping import sleep_by
from tests.telephony.conftest import SECRET, use_api
from tests.telephony.played_days import deliver_to, open_office, play_day

TODAY = datetime(2026, 3, 20, 10, tzinfo=UTC)
ClientOf = Callable[[User], FlaskClient]


@pytest.fixture
def moment() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(TODAY - timedelta(days=80), tick=False) as traveller:
        yield traveller


@pytest.fixture
def pbx(
    app: Flask,
    key: str,
    visitor: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    moment: time_machine.Traveller,
) -> Iterator[Simulator]:
    deliver_to(visitor, monkeypatch)
    with Simulator(key, SECRET, "http://office") as played:
        played.account.lost_share = 1.0
        played.account.utc_offset = timedelta(hours=-3)
        play_day(played, moment, 40, timedelta(days=2))
        moment.move_to(TODAY)
        sleep_by(monkeypatch, commands, moment.shift)
        open_office(app, key)
        use_api(app, played.url, monkeypatch)
        yield played
    assert played.errors == []


def steps(count: int, moment: time_machine.Traveller) -> None:
    for _ in range(count):
        perform("load_history")
        moment.shift(nightly.PACE)


def test_it_loads_month_by_month_and_makes_nothing_but_calls(
    pbx: Simulator, client_of: ClientOf, alice: User, moment: time_machine.Traveller
) -> None:
    browser = client_of(alice)
    assert browser.post("/telephony/history", data={"months": "3"}).status_code == 303
    steps(1, moment)
    load = HistoryLoad.current()
    assert load is not None
    assert load.state == "running"
    assert "Old calls are being loaded" in browser.get("/telephony/history").text
    steps(20, moment)
    page = browser.get("/telephony/history").text
    assert 'data-history-state="done"' in page
    assert db.session.scalar(select(func.count(Call.id))) == 40
    kinds = set(db.session.scalars(select(Job.kind)))
    assert kinds <= {"load_history", "recorded"}
    assert db.session.scalar(select(func.count(CallWrapup.id))) == 0
    assert 'data-difference="0"' in page
    assert 'data-difference="1"' not in page


def test_it_can_be_stopped_and_goes_on_where_it_was(
    pbx: Simulator, client_of: ClientOf, alice: User, moment: time_machine.Traveller
) -> None:
    browser = client_of(alice)
    browser.post("/telephony/history", data={"months": "3"})
    steps(2, moment)
    known = db.session.scalar(select(func.count(Call.id)))
    reached = db.session.get_one(HistoryLoad, 1).reached
    db.session.commit()
    browser.post("/telephony/history/stop")
    steps(5, moment)
    assert db.session.scalar(select(func.count(Call.id))) == known
    assert 0 < (known or 0) < 40
    db.session.commit()
    asked = len(pbx.api_calls)
    browser.post("/telephony/history", data={"months": "3"})
    steps(20, moment)
    assert db.session.get_one(HistoryLoad, 1).state == "done"
    assert db.session.scalar(select(func.count(Call.id))) == 40
    assert reached < TODAY
    # What was loaded is not asked for again.
    assert len(pbx.api_calls) - asked <= 3


def test_the_command_does_the_same_and_waits_for_its_turn(app: Flask, pbx: Simulator) -> None:
    began = clock.now()
    got = app.test_cli_runner().invoke(
        args=["telephony", "history", "--months", "12", "--json"], catch_exceptions=False
    )
    assert got.exit_code == 0, got.output
    report = json.loads(got.stdout)
    assert (report["added"], report["difference"]) == (40, 0)
    assert sum(day["pbx"] for day in report["days"]) == 38
    assert clock.now() - began > timedelta(minutes=2)
    asked = [call for call in pbx.api_calls if call.path == "/v1/statistics/pbx/"]
    assert {call.status for call in asked} == {200}
    again = app.test_cli_runner().invoke(args=["telephony", "history", "--months", "12", "--json"])
    assert json.loads(again.stdout)["added"] == 0


@pytest.mark.parametrize(
    "command", ["history --months 12 --json", "reconcile --since 2025-04-01 --json"]
)
def test_a_long_command_leaves_its_questions_to_polling(
    app: Flask,
    pbx: Simulator,
    moment: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    due, delays = clock.now(), []

    def sleep(seconds: float) -> None:
        nonlocal due
        for _ in range(2):
            moment.shift(seconds / 2)
            if clock.now() >= due and not isinstance(polling.fetch({}), Wait):
                delays.append(clock.now() - due)
                due = clock.now() + polling.EVERY

    sleep_by(monkeypatch, commands, sleep)
    got = app.test_cli_runner().invoke(args=["telephony", *command.split()])
    assert json.loads(got.stdout)["difference"] == 0, got.output
    assert len(delays) > 2
    assert max(delays) <= timedelta(minutes=1)
    asked = [call for call in pbx.api_calls if call.path == "/v1/statistics/pbx/"]
    assert {call.status for call in asked} == {200}


def test_the_worker_and_the_command_do_each_step_once(
    pbx: Simulator, moment: time_machine.Traveller
) -> None:
    history.start(3, None)
    db.session.commit()
    steps(1, moment)
    step = history.fetch({})
    other = history.fetch({})
    history.perform({}, step)
    db.session.commit()
    added = db.session.get_one(HistoryLoad, 1).added
    history.perform({}, other)
    db.session.commit()
    assert db.session.get_one(HistoryLoad, 1).added == added


def test_a_refusal_of_the_keys_stops_it_and_is_said_in_words(
    pbx: Simulator, client_of: ClientOf, alice: User, moment: time_machine.Traveller
) -> None:
    browser = client_of(alice)
    browser.post("/telephony/history", data={"months": "3"})
    pbx.account.secret = "another one"
    steps(2, moment)
    page = browser.get("/telephony/history").text
    assert 'data-history-state="stopped"' in page
    assert "does not accept" in page or "refus" in page


def test_months_that_make_no_sense_are_refused_in_a_sentence(
    pbx: Simulator, client_of: ClientOf, alice: User, moment: time_machine.Traveller
) -> None:
    got = client_of(alice).post("/telephony/history", data={"months": "61"})
    assert got.status_code == 422
    assert "Choose between 1 and 60 months." in got.text
