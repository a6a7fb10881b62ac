"""What holds for every call, whatever the facts say: generated sets of facts, sane and mad."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_app.calls.fold.facts import CallPhase, Direction, Disposition, Fact, FactKind
from crm_app.calls.fold.follow_ups import deserves_call_back
from crm_app.calls.fold.lifecycle import CallState, fold
from tests.effort import lines_run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PHONES = ("101", "102", "103", "104")
NUMBERS = (
    "",
    "+351910000042",
    "+34600000042",
    *PHONES,
    "0",
    "000",
    "12345",
    "16200",
    "anonymous",
    "+",
    "é",
)
# What the office knew of short numbers when a fact was stored; None where nobody had asked yet.
KNOWN = (None, frozenset(), frozenset(PHONES), frozenset({"101", "12345"}))


def any_fact(rng: random.Random) -> Fact:
    """Make a fact in which every field may hold anything it could ever hold."""
    maybe = lambda values: rng.choice(values) if rng.random() < 0.6 else values[0]  # noqa: E731
    seconds = rng.choice([0, 0, 1, 37, 37, 4000, -5, 10**12])
    return Fact(
        kind=rng.choice(list(FactKind)),
        pbx_call_id="in_1",
        received_at=rng.choice([NOON + timedelta(seconds=rng.randrange(600)), EARLY, LATE]),
        caller=maybe(NUMBERS),
        called=maybe(NUMBERS),
        did=maybe(("", "+351210000001", "351")),
        extension=maybe(("", *PHONES, "zz")),
        last_extension=maybe(("", *PHONES)),
        transfer_from=maybe(("", *PHONES)),
        disposition=rng.choice([None, *Disposition]),
        disposition_raw=maybe(("", "anything")),
        talk_seconds=rng.choice([None, seconds]),
        recording_id=maybe(("", "1.1", "2.2")),
        is_recorded=rng.random() < 0.5,
        leg=maybe(("", "normal", "callback_leg1", "callback_leg2")),
        pbx_time=maybe(("", "2026-03-02 12:00:00", "0001-01-01 00:00:00", "soon")),
        menu_choice=maybe(("", "2")),
        caller_name=maybe(("", "MEO123")),
        called_name=maybe(("", "*98")),
        caller_other=maybe(("", "+351910000042", "+51987654321")),
        called_other=maybe(("", "+34600000042")),
        dial_code=maybe(("", "*31#")),
        own=rng.choice([frozenset(), frozenset({"103"})]),
        extensions=rng.choice(KNOWN),
        numbers=rng.choice([frozenset(), frozenset({"+51987654321"})]),
    )


EARLY = datetime.min.replace(tzinfo=UTC)
LATE = datetime.max.replace(tzinfo=UTC)
_rng = random.Random(20260302)
# Drawing from a pool makes ten thousand sets cheap; the pool holds every field in many states.
POOL = [any_fact(_rng) for _ in range(4000)]
SANE = [replace(f, received_at=NOON + timedelta(seconds=i % 600)) for i, f in enumerate(POOL)]
PREFIXES = st.sampled_from(["in_1", "out_1", "x", ""])
many = settings(
    max_examples=2_000,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
some = settings(many, max_examples=500)


def of_one_call(facts: list[Fact], pbx_call_id: str) -> list[Fact]:
    return [replace(fact, pbx_call_id=pbx_call_id) for fact in facts]


def check_sense(call: CallState) -> None:
    """Hold a call against what no call can contradict."""
    assert call.status
    assert (call.phase is CallPhase.ENDED) == (call.ended_at is not None)
    assert call.started_at <= (call.answered_at or call.started_at)
    assert (call.talk_seconds or 0) >= 0
    assert (call.ring_seconds or 0) >= 0
    if call.phase is CallPhase.ENDED:
        assert not call.ringing_extensions
        assert not call.talking_extension
    if call.phase is CallPhase.RINGING:
        assert not call.answered_by
    if call.talking_extension:
        assert call.talking_extension not in call.ringing_extensions
    if deserves_call_back(call):
        assert call.outside_number
        assert call.direction is Direction.INBOUND
        assert not call.is_blocked
    if call.is_missed:
        assert not call.answered_by
    if call.direction is Direction.INTERNAL:
        assert not call.outside_number
    assert not (call.outside_number and call.outside_name)
    legs = [(leg.extension, leg.transferred_from) for leg in call.legs]
    assert len(legs) == len(set(legs))


def crowd(shape: str, count: int) -> list[Fact]:
    """Tell thousands of different things of one call."""
    rang, answered, ended = FactKind.RANG, FactKind.ANSWERED, FactKind.ENDED
    told: dict[str, list[tuple[FactKind, dict[str, Any]]]] = {
        "one phone": [
            (answered, {"called": "101", "transfer_from": f"{10_000 + i}"}) for i in range(count)
        ],
        "many phones": [
            (
                answered if i % 2 else ended,
                {"called": f"{10_000 + i}", "extension": f"{10_000 + i}"},
            )
            for i in range(count)
        ],
        "transfers": [
            (
                answered if i % 2 else rang,
                {"extension": f"{10_000 + i // 2}", "transfer_from": f"{9_999 + i // 2}"},
            )
            for i in range(count)
        ],
        "ends": [
            (ended, {"disposition": Disposition.ANSWERED, "talk_seconds": i}) for i in range(count)
        ],
    }
    return [
        Fact(kind, "in_1", NOON + timedelta(seconds=i), caller="+351910000042", **more)
        for i, (kind, more) in enumerate(told[shape])
    ]


generated = 0


class TestEverySet:
    @many
    @given(st.integers(0, 2**32))
    def _fold(self, seed: int) -> None:
        global generated
        rng = random.Random(seed)
        for _ in range(5):
            generated += 1
            facts = rng.choices(POOL, k=rng.randrange(9))
            check_sense(fold(of_one_call(facts, rng.choice(("in_1", "out_1", "x", "")))))

    def test_it_folds_ten_thousand_sets_without_an_exception(self) -> None:
        global generated
        generated = 0
        self._fold()
        assert generated >= 10_000

    @some
    @given(st.lists(st.sampled_from(SANE), max_size=9), PREFIXES, st.randoms(use_true_random=False))
    def test_it_folds_the_same_in_any_order_and_repetition(
        self, facts: list[Fact], pbx_call_id: str, rng: random.Random
    ) -> None:
        facts = of_one_call(facts, pbx_call_id)
        again = [
            replace(fact, received_at=fact.received_at + timedelta(seconds=rng.randrange(1, 99)))
            for fact in rng.sample(facts, rng.randint(0, len(facts)))
        ]
        mixed = [*facts, *again]
        rng.shuffle(mixed)
        assert fold(mixed) == fold(facts)

    @some
    @given(st.lists(st.sampled_from(SANE), min_size=1, max_size=9))
    def test_it_takes_a_short_caller_that_nobody_knows_for_a_client(
        self, facts: list[Fact]
    ) -> None:
        strange = [
            replace(fact, caller="16200", caller_other="", extensions=frozenset(PHONES))
            for fact in of_one_call(facts, "in_1")
        ]
        told = replace(strange[0], kind=FactKind.STARTED)
        call = fold([*strange, told])
        assert (call.direction, call.outside_number) == (Direction.INBOUND, "16200")
        knowing = [replace(fact, extensions=frozenset({"16200"})) for fact in [*strange, told]]
        assert fold(knowing).outside_number != "16200"

    @some
    @given(st.lists(st.sampled_from(SANE), min_size=1, max_size=9))
    def test_it_never_reopens_a_call_that_the_pbx_has_ended(self, facts: list[Fact]) -> None:
        arrived = [
            replace(fact, received_at=NOON + timedelta(seconds=i), caller="+351910000042")
            for i, fact in enumerate(of_one_call(facts, "in_1"))
        ]
        was_over = False
        for known in accumulate(([fact] for fact in arrived), lambda a, b: a + b):
            call = fold(known)
            assert call.phase is CallPhase.ENDED or not was_over
            was_over = call.status not in ("ringing", "talking", "unfinished")

    @pytest.mark.parametrize("shape", ["one phone", "many phones", "transfers", "ends"])
    def test_it_folds_thousands_of_facts_of_one_call_at_once(self, shape: str) -> None:
        check_sense(fold(crowd(shape, 6_000)))
        few, many = (lines_run(fold, crowd(shape, count)) for count in (250, 1_000))
        assert many < 5 * few

    @some
    @given(st.sampled_from(POOL))
    def test_it_reads_back_what_it_stored(self, fact: Fact) -> None:
        again = Fact.from_json(fact.to_json())
        assert again == fact
        assert again.content_key() == fact.content_key()

    @some
    @given(st.sampled_from(POOL), st.sampled_from(POOL))
    def test_it_names_a_content_by_everything_but_the_time(self, one: Fact, other: Fact) -> None:
        assert one.content_key() == replace(one, received_at=LATE).content_key()
        assert (one.content_key() == other.content_key()) == (one.content == other.content)
