"""The documented call scenarios, folded: in order, shuffled, doubled, and with events lost."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_app.calls.fold.facts import Direction, Disposition, Fact, FactKind
from crm_app.calls.fold.follow_ups import deserves_call_back
from crm_app.calls.fold.lifecycle import CallState, fold
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma.events import CallEvent, parse

FIXTURES = Path(__file__).parents[1] / "fixtures" / "zadarma"
BOOK = json.loads((FIXTURES / "scenarios.json").read_text())
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# The scenario book speaks of ends in the PBX's words; a declined click-to-call is one of our own
# legs that nobody picked up.
STATUSES = {
    "no answer": {"no_answer"},
    "cancel": {"cancelled"},
    "no money": {"no_money"},
    "unallocated number": {"unallocated"},
    "not connected": {"no_answer"},
    "answered or voicemail": {"answered", "voicemail"},
}


def fill(value: str) -> str:
    for name, placeholder in BOOK["placeholders"].items():
        value = value.replace("{{" + name + "}}", placeholder["default"])
    return value


def event_of(fields: dict[str, Any]) -> CallEvent | None:
    """Read the filled-in fields; None when they are not about a call."""
    told = {k: fill(v if isinstance(v, str) else json.dumps(v)) for k, v in fields.items()}
    event = parse(told)
    return event if isinstance(event, CallEvent) else None


# The end of this one announces a recording that is not ready when the scenario is over. The book
# counts what is ready; we already list it, so that it can be asked for.
LATE = "a late NOTIFY_ANSWER"
CALLS = [
    s
    for s in BOOK["scenarios"]
    if "calls" in s["expect"]
    and any("signature" not in e and event_of(e["fields"]) for e in s["events"])
]


def facts_of(scenario: dict[str, Any], posts: list[dict[str, str]] | None = None) -> list[Fact]:
    """Make the facts of a scenario, or of what was really posted when it was played."""
    at, facts = NOON, []
    for number, event in enumerate(scenario["events"]):
        at += timedelta(seconds=event["delay_s"])
        told = event_of(event["fields"] if posts is None else posts[number])
        fact = to_fact(told, at, "PT") if told else None
        if fact is None:
            continue
        facts.append(fact)
        reply = event.get("reply", {})
        if reply.get("redirect") == "blacklist" or reply.get("hangup"):
            facts.append(Fact(FactKind.REFUSED, facts[-1].pbx_call_id, at))
    if scenario["expect"]["status"] == "unfinished":
        at += timedelta(hours=4)
        facts.append(Fact(FactKind.SWEPT, facts[-1].pbx_call_id, at))
    return facts


def calls_of(facts: list[Fact]) -> dict[str, CallState]:
    ids = dict.fromkeys(fact.pbx_call_id for fact in facts)
    return {i: fold(fact for fact in facts if fact.pbx_call_id == i) for i in ids}


def is_with_a_client(call: CallState) -> bool:
    return call.direction is not Direction.INTERNAL and not call.is_own_leg


def check(scenario: dict[str, Any], facts: list[Fact], is_whole: bool = True) -> None:
    """Hold the folded calls against what the book expects of the scenario."""
    expect, calls = scenario["expect"], calls_of(facts)
    told = list(calls.values())
    with_clients = [call for call in told if is_with_a_client(call)]
    # A consultation before a transfer is counted by the book, and is no call with a client.
    assert len(with_clients) + (scenario["id"] == "in-transfer-attended") == expect["calls"]
    call = with_clients[-1] if with_clients else told[-1]
    if scenario["id"] == "missed-then-called-back":
        call = with_clients[0]
        assert (call.status, with_clients[1].status) == ("missed", "answered")
    else:
        assert call.status in STATUSES.get(expect["status"], {expect["status"]})
    direction = {"in": "inbound", "out": "outbound"}.get(expect["direction"], "internal")
    assert call.direction == direction
    if expect["calls"] == 1 and expect["status"] != "answered or voicemail":
        assert call.answered_by == fill(expect["answered_by"] or "")
    if not expect["missed_reminder"] and expect["calls"] == 1:
        assert not deserves_call_back(call)
    if expect["missed_reminder"]:
        assert all(deserves_call_back(call) for call in with_clients)
    if is_whole:
        check_details(expect, call, with_clients)


def check_details(expect: dict[str, Any], call: CallState, calls: list[CallState]) -> None:
    if isinstance(expect["recordings"], int) and not expect.get("note", "").startswith(LATE):
        assert sum(len(call.recordings) for call in calls) == expect["recordings"]
    if "participants" in expect:
        assert list(call.participants) == [fill(name) for name in expect["participants"]]
    if "popups" in expect:
        assert len({leg.extension for leg in call.legs if leg.rang_at}) == expect["popups"]
    assert call.ringing_extensions == ()
    assert call.talking_extension == ""


def arriving(facts: list[Fact], every: float = 1.0) -> list[Fact]:
    """The same facts as if they arrived in the order of the list."""
    return [
        Fact.from_json(
            fact.to_json().replace(
                fact.received_at.isoformat(), (NOON + timedelta(seconds=i * every)).isoformat()
            )
        )
        for i, fact in enumerate(facts)
    ]


def keeps_the_end(fact: Fact, facts: list[Fact]) -> bool:
    """Tell whether a loss of this fact would lose what the documented end rests on."""
    if fact.kind in (FactKind.REFUSED, FactKind.SWEPT):
        return True
    if fact.kind is FactKind.OUTGOING_STARTED and not any(f.extension for f in facts):
        # Without it, the end alone is that of a call which is nobody's.
        return True
    ends = (FactKind.ENDED, FactKind.OUTGOING_ENDED)
    if fact.kind in ends:
        answered = [
            f
            for f in facts
            if f.pbx_call_id == fact.pbx_call_id and f.disposition is Disposition.ANSWERED
        ]
        return not answered or fact.disposition is Disposition.ANSWERED
    return not any(f.kind in ends and f.pbx_call_id == fact.pbx_call_id for f in facts)


def losses(facts: list[Fact], rng: random.Random) -> Iterator[list[Fact]]:
    spare = [fact for fact in facts if not keeps_the_end(fact, facts)]
    yield [fact for fact in facts if fact not in spare]
    for _ in range(20):
        lost = rng.sample(spare, rng.randint(0, len(spare)))
        yield [fact for fact in facts if fact not in lost]


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
class TestScenario:
    def test_it_folds_to_what_is_expected(self, scenario: dict[str, Any]) -> None:
        check(scenario, facts_of(scenario))

    def test_it_folds_the_same_in_any_order_of_arrival(self, scenario: dict[str, Any]) -> None:
        rng = random.Random(7)
        facts = facts_of(scenario)
        for _ in range(60):
            check(scenario, arriving(ordered(rng.sample(facts, len(facts)), facts)))

    def test_it_folds_the_same_when_events_are_repeated(self, scenario: dict[str, Any]) -> None:
        rng = random.Random(11)
        facts = facts_of(scenario)
        for _ in range(20):
            repeated = facts + rng.choices(facts, k=len(facts))
            rng.shuffle(repeated)
            check(scenario, arriving(ordered(repeated, facts)))

    def test_it_survives_lost_events_as_long_as_the_end_is_known(
        self, scenario: dict[str, Any]
    ) -> None:
        rng = random.Random(13)
        facts = facts_of(scenario)
        for kept in losses(facts, rng):
            check(scenario, kept, is_whole=False)
            check(scenario, arriving(ordered(rng.sample(kept, len(kept)), facts)), is_whole=False)


def ordered(shuffled: list[Fact], facts: list[Fact]) -> list[Fact]:
    """Keep each call's facts shuffled, the calls in the order of the scenario.

    A sweep answers silence, so it is always the last word.
    """
    first = list(dict.fromkeys(fact.pbx_call_id for fact in facts))
    return sorted(shuffled, key=lambda f: (first.index(f.pbx_call_id), f.kind is FactKind.SWEPT))


def test_it_has_read_every_scenario_that_makes_a_call() -> None:
    left_out = {s["id"] for s in BOOK["scenarios"]} - {s["id"] for s in CALLS}
    assert left_out == {
        *("callback-no-events", "forged", "unsigned", "raw-digest-signature", "unknown-event"),
        *("sms-in", "sms-in-duplicate", "sms-in-name", "number-lookup", "call-tracking"),
        "document",
    }
