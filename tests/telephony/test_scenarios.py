"""Every documented sequence, posted by the played PBX to the application behind a real server."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app.calls.models import Call
from crm_app.config import Config
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.zadarma.signing import has_signature_rule
from crm_app.telephony.zadarma.simulator.office import Simulator
from crm_app.telephony.zadarma.simulator.scenarios import scenario, scenario_ids
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
def test_every_scenario_is_taken_as_documented(pbx: Simulator, name: str) -> None:
    deliveries = pbx.play(name)
    for delivery in deliveries:
        is_refused = name in REFUSED and has_signature_rule(delivery.event)
        assert delivery.status == (403 if is_refused else 200), delivery
    expect = scenario(name).expect
    calls = db.session.scalars(select(Call).where(~Call.is_own_leg)).all()
    if expect.get("calls") == 0:
        # Colleagues who talk with each other are in the log, but are no client's call.
        assert [call for call in calls if call.direction != "internal"] == []
    elif name not in STEERED and "calls" in expect:
        assert len(calls) == expect["calls"]


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
