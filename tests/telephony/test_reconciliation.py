"""Reconciliation: what the PBX knows of a day, the log knows, and it can prove it."""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock, database
from crm_app.accounts.models import Role, User
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.simulator import Simulator
from crm_app.telephony.reconciliation import asking, balance, commands
from crm_app.telephony.reconciliation.models import ReconciledDay
from tests.callbacks.ended_calls import BY_CALLS
from tests.conftest import empty_all_tables
from tests.owed import perform
from tests.sleeping import sleep_by
from tests.telephony.conftest import SECRET, use_api
from tests.telephony.played_days import Told, deliver_to, open_office, play_day, told

MORNING = "2026-03-02 06:00:00+00:00"


def reconcile(app: Flask, *arguments: str) -> tuple[int, dict[str, Any]]:
    got = app.test_cli_runner().invoke(args=["telephony", "reconcile", "--json", *arguments])
    assert got.stdout, got.output
    return got.exit_code, json.loads(got.stdout)


def called_back() -> dict[str, tuple[str, int, int]]:
    """Perform what the calls ask for; gives the state, misses and tries of each client's row."""
    perform(*BY_CALLS)
    db.session.expire_all()
    found = {
        row.contact.name if row.contact else row.number: (row.state, row.misses, row.tries)
        for row in db.session.scalars(select(CallBack))
    }
    db.session.commit()
    return found


def wrong_in(found: dict[str, Told], wanted: dict[str, Told]) -> list[str]:
    return [
        f"{name[:12]} {field.name}: {getattr(found[name], field.name)!r},"
        f" not {getattr(call, field.name)!r}"
        for name, call in wanted.items()
        for field in fields(Told)
        if getattr(found[name], field.name) != getattr(call, field.name)
    ]


@pytest.mark.parametrize("reads_wall_clock", [False, True])
def test_a_day_with_lost_webhooks_is_the_day_without_losses(
    app: Flask,
    key: str,
    visitor: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    engine_name: str,
    reads_wall_clock: bool,
) -> None:
    # Once a whole day; on the other engine only its statements are new.
    calls = 1000 if engine_name == "sqlite" and not reads_wall_clock else 60
    deliver_to(visitor, monkeypatch)
    with time_machine.travel(MORNING, tick=False) as moment:
        sleep_by(monkeypatch, commands, moment.shift)
        open_office(app, key)
        whole = Simulator(key, SECRET, "http://office")
        whole.account.utc_offset = timedelta(hours=3)
        play_day(whole, moment, calls, timedelta(minutes=1))
        whole.stop()
        wanted, calls_back = told(), called_back()
        empty_all_tables()
        moment.move_to(MORNING)
        open_office(app, key)
        with Simulator(key, SECRET, "http://office") as pbx:
            use_api(app, pbx.url, monkeypatch)
            pbx.account.utc_offset = timedelta(hours=3)
            pbx.account.asks_by_wall_clock = reads_wall_clock
            pbx.account.has_quirks = True
            pbx.account.lost_share = 0.3
            play_day(pbx, moment, calls, timedelta(minutes=1))
            before = told()
            code, report = reconcile(app)
            after = told()
            assert called_back() == calls_back
            again = reconcile(app)
    assert {state for state, _, _ in calls_back.values()} == {"open", "done"}
    assert before != wanted
    assert after.keys() == wanted.keys()
    assert "\n".join(wrong_in(after, wanted)) == ""
    assert (code, report["difference"]) == (0, 0)
    assert report["added"] > 0
    assert again[1]["added"] == 0
    assert sum(day["pbx"] for day in report["days"]) == sum(
        call.direction != "internal" for call in wanted.values()
    )
    db.session.rollback()


def test_every_night_the_days_that_are_not_settled_are_asked_for(
    app: Flask, key: str, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_to(visitor, monkeypatch)
    with (
        time_machine.travel(MORNING, tick=False) as moment,
        Simulator(key, SECRET, "http://office") as pbx,
    ):
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        pbx.account.lost_share = 1.0
        play_day(pbx, moment, 20, timedelta(minutes=5))
        assert told() == {}
        perform("reconcile")
        # The day is not over.
        assert told() == {}
        moment.move_to("2026-03-03 02:00:00+00:00")
        perform("reconcile")
        assert told() == {}
        moment.move_to("2026-03-03 04:00:00+00:00")
        for _ in range(3):
            perform("reconcile")
        assert len(told()) == 20
        day = db.session.get_one(ReconciledDay, date(2026, 3, 2))
        assert (day.pbx, day.crm, day.difference, day.added) == (19, 19, 0, 20)
        assert day.settled_at is not None
        asked = len(pbx.api_calls)
        perform("reconcile")
        assert len(pbx.api_calls) == asked
        # Events of a call of which the PBX says nothing: the day is asked for until it balances.
        moment.move_to("2026-03-03 10:00:00+00:00")
        pbx.account.lost_share = 0.0
        play_day(pbx, moment, 1, timedelta(minutes=5))
        assert list(told())


def test_a_call_that_the_pbx_does_not_list_is_named_and_its_day_asked_for_again(
    app: Flask,
    key: str,
    visitor: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    client_of: Callable[[User], FlaskClient],
) -> None:
    deliver_to(visitor, monkeypatch)
    with (
        time_machine.travel(MORNING, tick=False) as moment,
        Simulator(key, SECRET, "http://office") as pbx,
    ):
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        play_day(pbx, moment, 3, timedelta(minutes=5))
        forgotten = pbx.history._rows[0].answer["pbx_call_id"]
        kept = [row for row in pbx.history._rows if row.answer["pbx_call_id"] != forgotten]
        pbx.history._rows = kept
        moment.shift(timedelta(hours=1))
        alice = make_user("Alice Admin", role=Role.ADMIN)
        code, report = reconcile(app)
        assert code == 1
        assert report["difference"] == 1
        assert [(day["pbx"], day["crm"]) for day in report["days"]][-1] == (2, 3)
        time = asking.time_of_account()
        [found] = balance.differences(date(2026, 3, 2), time)
        assert (found.pbx_call_id, found.done) == (forgotten, "only_here")
        page = client_of(alice).get("/telephony/balance?day=2026-03-02")
        assert page.status_code == 200
        assert f'data-balance-call="{forgotten}" data-done="only_here"' in page.text
        assert "UTC" in page.text
        db.session.rollback()
        database.set_reads_only(False)
        moment.move_to("2026-03-03 04:00:00+00:00")
        for _ in range(3):
            perform("reconcile")
        assert db.session.get_one(ReconciledDay, date(2026, 3, 2)).settled_at is None
        asked = len(pbx.api_calls)
        perform("reconcile")
        assert len(pbx.api_calls) == asked
        moment.shift(timedelta(hours=21))
        perform("reconcile")
        assert len(pbx.api_calls) > asked


def test_the_command_waits_when_the_pbx_says_that_it_was_asked_too_often(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep_by(monkeypatch, commands, waits.append)
    with Simulator(key, SECRET, "http://office") as pbx:
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        pbx.inject("limit", path="/v1/statistics/", seconds=30, times=1)
        code, report = reconcile(app)
    assert (code, report["difference"]) == (0, 0)
    assert 30 in waits


def test_the_command_refuses_a_day_that_has_not_begun(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(key, SECRET, "http://office") as pbx:
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        tomorrow = (clock.today() + timedelta(days=1)).isoformat()
        got = app.test_cli_runner().invoke(args=["telephony", "reconcile", "--since", tomorrow])
    assert got.exit_code == 2
    assert "has not begun" in got.output


@pytest.mark.parametrize(("is_begun", "difference"), [(False, 0), (True, 1)])
def test_a_call_by_which_the_pbx_verifies_a_number_is_no_difference(
    app: Flask,
    key: str,
    visitor: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    is_begun: bool,
    difference: int,
) -> None:
    deliver_to(visitor, monkeypatch)
    with (
        time_machine.travel(MORNING, tick=False) as moment,
        Simulator(key, SECRET, "http://office") as pbx,
    ):
        sleep_by(monkeypatch, commands, moment.shift)
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        name, number = "out_" + "f" * 40, "+351910000042"
        kinds = [FactKind.OUTGOING_STARTED] if is_begun else []
        for kind in [*kinds, FactKind.OUTGOING_ENDED]:
            fact = Fact(kind, name, clock.now(), called=number)
            ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        moment.shift(timedelta(hours=30))
        code, report = reconcile(app, "--since", "48h")
    assert (code, report["difference"]) == (difference, difference)
