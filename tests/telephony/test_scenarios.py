"""Every documented sequence, posted by the played PBX to the application behind a real server."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.calls.models import Call
from crm_app.calls.store import upkeep
from crm_app.config import Config
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.simulator.scenarios import scenario, scenario_ids
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.zadarma.signing import has_signature_rule
from tests.calls.test_lifecycle_scenarios import LATE, STATUSES, fill
from tests.telephony.conftest import SECRET

REFUSED = {"forged", "unsigned", "raw-digest-signature"}
# These only make sense after answers that steer the call, which the office does not give.
STEERED = {name for name in scenario_ids() if scenario(name).needs_reply}


@pytest.fixture
def pbx(connected: Flask, served: str, key: str) -> Iterator[Simulator]:
    """A played PBX that posts to the served application."""
    for extension in ("101", "102", "103", "104", "105"):
        make_user(f"Agent {extension}", extension=extension)
    make_contact("Ana Sousa", phones=("+351910000042",))
    db.session.rollback()
    with Simulator(key, SECRET, f"{served}/zadarma") as simulator:
        yield simulator


@pytest.mark.parametrize("name", scenario_ids())
def test_every_scenario_is_taken_and_ends_as_documented(pbx: Simulator, name: str) -> None:
    deliveries = pbx.play(name)
    for delivery in deliveries:
        is_refused = name in REFUSED and has_signature_rule(delivery.event)
        assert delivery.status == (403 if is_refused else 200), delivery
    expect = scenario(name).expect
    if expect.get("status") == "unfinished":
        upkeep.sweep(db.session, clock.now() + timedelta(hours=5))
        db.session.commit()
    calls = list(db.session.scalars(select(Call).where(~Call.is_own_leg).order_by(Call.id)))
    # Colleagues who talk with each other are in the log, but are no client's call.
    with_clients = [call for call in calls if call.direction != "internal"]
    if name in STEERED or "calls" not in expect:
        return
    # A consultation before a transfer is counted by the book.
    consulted = len(calls) - len(with_clients) if name == "in-transfer-attended" else 0
    assert len(with_clients) + consulted == expect["calls"]
    if with_clients:
        check_end(name, expect, with_clients)


def check_end(name: str, expect: Mapping[str, Any], calls: list[Call]) -> None:
    """Hold the calls with clients against what the book says of their end."""
    if name == "missed-then-called-back":
        assert [call.status for call in calls] == ["missed", "answered"]
        return
    call = calls[-1]
    assert call.status in STATUSES.get(expect["status"], {expect["status"]})
    assert call.direction == {"in": "inbound", "out": "outbound"}[expect["direction"]]
    # Of several calls the book does not say who had which.
    if len(calls) == 1 and expect["status"] != "answered or voicemail":
        assert call.answered_by_extension == fill(expect["answered_by"] or "")
    if isinstance(expect["recordings"], int) and not expect.get("note", "").startswith(LATE):
        assert sum(one.recording_count for one in calls) == expect["recordings"]


def test_a_known_caller_s_name_is_the_answer_to_the_start(pbx: Simulator) -> None:
    deliveries = pbx.play("in-answered-5")
    assert deliveries[0].reply == {"caller_name": "Ana Sousa"}
    assert {delivery.body for delivery in deliveries[1:]} == {""}


def test_the_command_plays_a_call(
    pbx: Simulator, connected: Flask, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Config = connected.extensions["settings"]
    here = settings.model_copy(update={"bind": served.removeprefix("http://")})
    monkeypatch.setitem(connected.extensions, "settings", here)
    arguments = ["simulate", "in-answered-5", "--from", "+351910000077", "--speed", "0"]
    result = connected.test_cli_runner().invoke(telephony_cli, [*arguments, "--to-ext", "102"])
    assert result.exit_code == 0, result.output
    db.session.rollback()
    numbers = select(func.count(Call.id)).where(Call.outside_number == "+351910000077")
    assert db.session.scalar(numbers) == 1
    away = settings.model_copy(update={"bind": "127.0.0.1:9"})
    db.session.rollback()
    monkeypatch.setitem(connected.extensions, "settings", away)
    result = connected.test_cli_runner().invoke(telephony_cli, arguments)
    assert result.exit_code == 1
    assert "does not answer" in result.output
