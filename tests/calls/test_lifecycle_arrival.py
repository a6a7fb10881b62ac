"""What a call means does not depend on when its events arrived, as long as they say it all."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.lifecycle import CallState, fold

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA, LINE, BEGAN = "+351910000042", "+351210000001", "2026-03-02 12:00:00"
PHONES = ("101", "102", "103", "104", "105")
ENDS = ((Disposition.CANCELLED, "cancel"), (Disposition.NO_ANSWER, "no answer"),
        (Disposition.BUSY, "busy"))  # fmt: skip


class Story:
    """What the PBX tells of one call, in the order in which it happens."""

    def __init__(self, rng: random.Random, pbx_call_id: str) -> None:
        self.rng = rng
        self.pbx_call_id = pbx_call_id
        self.facts: list[Fact] = []

    def tell(self, kind: FactKind, **told: Any) -> None:
        self.facts.append(Fact(kind, self.pbx_call_id, NOON, pbx_time=BEGAN, **told))

    def end(self, kind: FactKind, **told: Any) -> None:
        is_recorded = self.rng.random() < 0.5
        recording = {"is_recorded": True, "recording_id": "1.1"} if is_recorded else {}
        seconds = self.rng.randint(1, 90)
        answered = {"disposition": Disposition.ANSWERED, "disposition_raw": "answered"}
        self.tell(kind, talk_seconds=seconds, **answered, **recording, **told)
        if is_recorded:
            self.tell(FactKind.RECORDED, recording_id="1.1")


def incoming(rng: random.Random) -> list[Fact]:
    """Let a client ring, be answered or not, and be passed on as often as people do."""
    story, client = Story(rng, "in_1"), {"caller": ANA}
    if rng.random() < 0.9:
        story.tell(FactKind.STARTED, did=LINE, **client)
    rung = rng.sample(PHONES[:3], rng.randint(1, 3))
    for phone in rung:
        story.tell(FactKind.RANG, extension=phone, did=LINE, **client)
    if rng.random() < 0.35:
        disposition, raw = rng.choice(ENDS)
        story.tell(
            FactKind.ENDED, disposition=disposition, disposition_raw=raw, talk_seconds=0,
            did=LINE, extension=rng.choice(["", rung[-1]]), **client,
        )  # fmt: skip
        return story.facts
    talking = rng.choice([*rung, *rung, "104"])
    named = {"extension": talking} if rng.random() < 0.8 else {}
    story.tell(FactKind.ANSWERED, called=talking, **named, **client)
    for phone in rung if rng.random() < 0.3 else ():
        if phone != talking:
            story.tell(FactKind.STOPPED_RINGING, extension=phone, did=LINE, **client)
    first = talking
    # Only to those who have not talked: of a call that comes back time decides who had it last.
    others = [phone for phone in PHONES[3:] if phone != talking]
    for phone in rng.sample(others, min(len(others), rng.choice([0, 0, 1, 2]))):
        passed = {"transfer_from": talking, "extension": phone}
        story.tell(FactKind.RANG, did=LINE, **passed, **client)
        if rng.random() < 0.8:
            story.tell(FactKind.ANSWERED, called=phone, **passed, **client)
            talking = phone
    last = {"last_extension": talking} if rng.random() < 0.7 else {}
    who = rng.choice([first, talking, ""])
    story.end(FactKind.ENDED, did=LINE, extension=who, **last, **client)
    return story.facts


def outgoing(rng: random.Random) -> list[Fact]:
    """Let one of us call a client or a colleague, by hand or by a click."""
    story = Story(rng, "out_1")
    called = rng.choice([ANA, ANA, "102"])
    ours = {"extension": "101", "called": called}
    if rng.random() < 0.3 and called == ANA:
        story.tell(FactKind.DIALLED, **ours)
        story.tell(FactKind.OUTGOING_STARTED, extension="101", called="101", leg="callback_leg1")
    story.tell(FactKind.OUTGOING_STARTED, **ours)
    if rng.random() < 0.3:
        disposition, raw = rng.choice(ENDS)
        story.tell(
            FactKind.OUTGOING_ENDED, disposition=disposition, disposition_raw=raw, talk_seconds=0,
            **ours,
        )  # fmt: skip
        return story.facts
    story.tell(FactKind.ANSWERED, caller="101", **ours)
    story.end(FactKind.OUTGOING_ENDED, **ours)
    return story.facts


def arriving(facts: list[Fact]) -> list[Fact]:
    """The same facts, one second after the other."""
    return [replace(f, received_at=NOON + timedelta(seconds=i)) for i, f in enumerate(facts)]


def meaning(call: CallState) -> dict[str, object]:
    """All that a call says beside its times."""
    return {
        "status": call.status,
        "direction": call.direction,
        "with": call.outside_number,
        "line": call.did,
        "answered by": call.answered_by,
        "placed by": call.placed_by,
        "who talked": sorted(call.participants),
        "how long": call.talk_seconds,
        "recordings": call.recordings,
        "is missed": call.is_missed,
        "rings now": call.ringing_extensions,
        "legs": sorted((leg.extension, leg.transferred_from) for leg in call.legs),
    }


@pytest.mark.parametrize("tell", [incoming, outgoing], ids=["incoming", "outgoing"])
@settings(max_examples=400, deadline=None, database=None)
@given(seed=st.integers(0, 2**32))
def test_a_call_means_the_same_whenever_its_events_arrived(tell: Any, seed: int) -> None:
    rng = random.Random(seed)
    facts = tell(rng)
    told = meaning(fold(arriving(facts)))
    for _ in range(4):
        mixed = facts + rng.choices(facts, k=rng.randint(0, 3))
        rng.shuffle(mixed)
        assert meaning(fold(arriving(mixed))) == told
