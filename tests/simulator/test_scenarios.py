"""Scenarios, played against a server that checks what it gets."""

import json
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_app.simulator import Simulator
from crm_app.simulator.scenarios import (
    UnknownScenarioError,
    scenario,
    scenario_ids,
)
from crm_app.telephony.zadarma.events import parse
from crm_app.telephony.zadarma.signing import has_signature_rule
from tests.calls.test_lifecycle_scenarios import CALLS, check, facts_of
from tests.simulator.conftest import KEY, SECRET, Office

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "zadarma" / "scenarios.json").read_text("utf-8")
)
FORGED = {"forged", "unsigned", "raw-digest-signature"}


def test_it_ships_all_documented_scenarios() -> None:
    assert list(scenario_ids()) == [entry["id"] for entry in DOCUMENT["scenarios"]]
    for entry in DOCUMENT["scenarios"]:
        shipped = scenario(entry["id"])
        assert shipped.events == entry["events"]
        assert shipped.expect == entry["expect"]
        assert shipped.needs_reply == entry.get("needs_reply", False)


@pytest.mark.parametrize("scenario_id", scenario_ids())
def test_it_posts_every_scenario_so_that_it_ends_as_it_is_documented(
    pbx: Simulator, office: Office, scenario_id: str
) -> None:
    played = pbx.play(scenario_id, t0="2026-03-02 12:00:00", t1="2026-03-02 12:01:33")
    entry = next(one for one in DOCUMENT["scenarios"] if one["id"] == scenario_id)
    documented = entry["events"]
    assert office.events == [event["fields"]["event"] for event in documented]
    assert [delivery.status for delivery in played] == [200] * len(documented)
    assert "{{" not in json.dumps(office.posts)
    for post, event, is_signed, content_type, expect in zip(
        office.posts,
        documented,
        office.is_signed,
        office.content_types,
        office.expects,
        strict=True,
    ):
        parse(post)
        ought = scenario_id not in FORGED and has_signature_rule(post["event"])
        assert is_signed is ought, post["event"]
        form = "application/x-www-form-urlencoded"
        wanted = form if event["channel"] == "pbx" else "multipart/form-data"
        assert content_type == wanted
        assert expect == ("" if event["channel"] == "pbx" else "100-continue")
    if scenario_id in {one["id"] for one in CALLS}:
        check(entry, facts_of(entry, office.posts))


def test_each_run_has_its_own_ids_and_the_present_time(pbx: Simulator, office: Office) -> None:
    pbx.account.utc_offset = timedelta(hours=5)
    pbx.play("in-transfer-attended")
    pbx.play("in-transfer-attended")
    assert len({post["pbx_call_id"] for post in office.posts}) == 4
    started = {post["call_start"] for post in office.posts}
    assert all(
        abs(_moment(text) - pbx.account.wall_clock()) < timedelta(minutes=1) for text in started
    )


def _moment(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_it_takes_the_parties_that_are_given(office: Office) -> None:
    with Simulator(KEY, SECRET, office.url, extensions=["201", "202"], did="351300000000") as pbx:
        pbx.play("out-answered", client="+34600000042")
        pbx.play("in-answered-no-recording", client="+34600000042", ext1="202")
    outgoing, incoming = office.posts[0], office.posts[-1]
    assert (outgoing["destination"], outgoing["internal"]) == ("34600000042", "201")
    assert (incoming["caller_id"], incoming["internal"]) == ("+34600000042", "202")
    assert incoming["called_did"] == "351300000000"


def test_it_refuses_names_that_nothing_has(pbx: Simulator) -> None:
    with pytest.raises(UnknownScenarioError, match="nonsense"):
        pbx.play("nonsense")
    with pytest.raises(UnknownScenarioError, match="nobody"):
        pbx.play("in-busy", nobody="1")


def test_it_hands_back_what_was_answered(pbx: Simulator, office: Office) -> None:
    office.replies["NOTIFY_START"] = {"caller_name": "Ana"}
    first, *others = pbx.play("in-busy")
    assert first.reply == {"caller_name": "Ana"}
    assert (first.event, first.status, json.loads(first.body)) == (
        "NOTIFY_START",
        200,
        {"caller_name": "Ana"},
    )
    assert [delivery.reply for delivery in others] == [{}, {}]
    assert list(pbx.deliveries) == [first, *others]


def test_an_answer_that_is_no_success_steers_nothing(pbx: Simulator, office: Office) -> None:
    office.replies["NOTIFY_START"] = {"caller_name": "Ana"}
    office.status = 403
    assert pbx.play("in-busy")[0].reply == {}


def test_it_survives_an_office_that_is_not_there() -> None:
    with socket.socket() as taken, Simulator(KEY, SECRET) as pbx:
        taken.bind(("127.0.0.1", 0))
        assert {delivery.status for delivery in pbx.play("in-busy")} == {None}
        pbx.account.webhook_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        deliveries = pbx.play("in-busy")
        assert {delivery.status for delivery in deliveries} == {0}
        assert deliveries[0].reply == {}


def test_lost_notifications_are_in_the_statistics_only(pbx: Simulator, office: Office) -> None:
    played = pbx.play("in-busy", lost={"NOTIFY_END"})
    assert office.events == ["NOTIFY_START", "NOTIFY_INTERNAL"]
    assert [delivery.status for delivery in played] == [200, 200, None]
    now = pbx.account.wall_clock()
    hour = timedelta(hours=1)
    assert len(pbx.history.rows(now - hour, now + hour)) == 1


def test_it_posts_only_what_is_switched_on(pbx: Simulator, office: Office) -> None:
    pbx.account.flags["notify_internal"] = False
    pbx.account.flags["sms"] = False
    pbx.play("in-busy")
    pbx.play("sms-in")
    assert office.events == ["NOTIFY_START", "NOTIFY_END"]


def test_other_events_can_have_their_own_address(pbx: Simulator, office: Office) -> None:
    pbx.account.events_url = f"{office.url}?other=1"
    pbx.account.webhook_url = ""
    pbx.play("in-busy")
    pbx.play("sms-in")
    assert office.events == ["SMS"]


def test_its_pauses_are_stretched_by_its_speed(pbx: Simulator) -> None:
    from time import monotonic

    began = monotonic()
    pbx.play("in-busy", speed=0.05)
    assert monotonic() - began >= 3 * 0.05


def test_stopping_ends_a_scenario_and_every_thread(office: Office) -> None:
    before = set(threading.enumerate())
    pbx = Simulator(KEY, SECRET, office.url, ring_seconds=60).start()
    played: list[Any] = []
    thread = threading.Thread(target=lambda: played.extend(pbx.play("in-busy", speed=100)))
    thread.start()
    pbx.ring("+351910000042")
    pbx.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert len(played) <= 1
    left = {one for one in set(threading.enumerate()) - before if "handler" not in one.name}
    assert not {one for one in left if one.name == "zadarma-simulator"}
    pbx.after(0, lambda: played.append("never"))
    pbx.stop()
    assert "never" not in played


def test_a_simulator_that_never_started_can_be_stopped() -> None:
    Simulator(KEY, SECRET).stop()
