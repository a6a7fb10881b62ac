"""What follows from a call is the same however its facts arrive, and done by what stands then."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss
from crm_app.calls.fold.facts import Direction, Fact
from crm_app.calls.fold.follow_ups import TALKED, FollowUp, FollowUpKind, follow_ups
from crm_app.calls.fold.lifecycle import CallState, fold
from crm_app.calls.models import Call, CallFact, CallLeg, CallRecording
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.telephony.models import TelephonySettings
from tests.calls.test_lifecycle_properties import PREFIXES, SANE, of_one_call, some
from tests.calls.test_lifecycle_scenarios import (
    CALLS,
    NOON,
    arriving,
    calls_of,
    facts_of,
    losses,
    ordered,
)
from tests.owed import perform

MISSED = {"missed", "voicemail"}
BY_CALLS = ("call_back", "no_call_back", "talked", "tried")


def standing(facts: Iterable[Fact]) -> set[FollowUp]:
    """What follows from calls as they are in the end."""
    return {f for call in calls_of(list(facts)).values() for f in follow_ups(None, call)}


def written(facts: list[Fact]) -> list[FollowUp]:
    """All that is written while the facts come in, one after the other."""
    found: list[FollowUp] = []
    for pbx_call_id in dict.fromkeys(fact.pbx_call_id for fact in facts):
        mine = [fact for fact in facts if fact.pbx_call_id == pbx_call_id]
        states: list[CallState | None] = [None]
        states += [fold(mine[:count]) for count in range(1, len(mine) + 1)]
        for before, after in pairwise(states):
            assert after is not None
            found += follow_ups(before, after)
    return found


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
class TestScenario:
    def test_what_follows_fits_the_call(self, scenario: dict[str, Any]) -> None:
        calls = calls_of(facts_of(scenario))
        follows = standing(facts_of(scenario))
        strangers = {f.pbx_call_id for f in follows if f.kind is FollowUpKind.NEW_CLIENT}
        kinds = {f.pbx_call_id: f.kind for f in follows if f.kind is not FollowUpKind.NEW_CLIENT}
        reminded = {i for i, kind in kinds.items() if kind is FollowUpKind.CALL_BACK}
        talked = {i for i, kind in kinds.items() if kind is FollowUpKind.TALKED}
        tried = kinds.keys() - reminded - talked
        assert {calls[i].status for i in reminded} <= MISSED
        assert {calls[i].status for i in talked} <= set(TALKED)
        assert {calls[i].direction for i in tried} <= {Direction.OUTBOUND}
        callers = reminded | talked
        assert strangers == {i for i in callers if calls[i].direction is Direction.INBOUND}
        numbers = {calls[i].outside_number for i in reminded}
        numbers -= {calls[i].outside_number for i in talked}
        assert bool(numbers) == bool(scenario["expect"]["missed_reminder"])

    def test_it_is_written_once_while_the_facts_come_in_order(
        self, scenario: dict[str, Any]
    ) -> None:
        facts = facts_of(scenario)
        assert sorted(f.key for f in written(facts)) == sorted(f.key for f in standing(facts))

    def test_it_is_the_same_in_any_order_repetition_and_loss_that_keeps_the_end(
        self, scenario: dict[str, Any]
    ) -> None:
        rng = random.Random(17)
        facts = facts_of(scenario)
        wanted = standing(facts)
        mixed = [rng.sample(facts, len(facts)) for _ in range(30)]
        mixed += [rng.sample(facts * 2, 2 * len(facts)) for _ in range(20)]
        mixed += [rng.sample(kept, len(kept)) for kept in losses(facts, rng)]
        for some_facts in mixed:
            arrived = arriving(ordered(some_facts, facts))
            assert standing(arrived) == wanted
            # Facts out of order may say too much for a moment, never too little.
            assert wanted <= set(written(arrived))

    def test_folding_again_changes_nothing(self, scenario: dict[str, Any]) -> None:
        for call in calls_of(facts_of(scenario)).values():
            assert follow_ups(call, call) == []


@some
@given(st.lists(st.sampled_from(SANE), min_size=1, max_size=9), PREFIXES)
def test_of_any_facts_nothing_that_stands_was_left_unwritten(
    facts: list[Fact], pbx_call_id: str
) -> None:
    facts = of_one_call(facts, pbx_call_id)
    stands = standing(facts)
    assert stands <= set(written(facts))
    assert len({f.key for f in stands}) == len(stands) <= 2
    assert len([f for f in stands if f.kind is not FollowUpKind.NEW_CLIENT]) <= 1


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
def test_it_follows_again_when_the_number_turns_out_to_be_another(
    scenario: dict[str, Any],
) -> None:
    for call in calls_of(facts_of(scenario)).values():
        before = replace(call, outside_number="+351910000099")
        if call.outside_number:
            assert follow_ups(before, call) == follow_ups(None, call)


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
def test_the_office_is_reminded_of_the_same_clients_whenever_what_follows_is_performed(
    scenario: dict[str, Any], app: Flask
) -> None:
    TelephonySettings.for_change().connected_at = NOON - timedelta(days=1)
    db.session.commit()
    rng = random.Random(19)
    facts = facts_of(scenario)
    # A minute between them, for the length of a talk says when it began.
    shuffled = arriving(ordered(rng.sample(facts, len(facts)), facts), every=60)
    orders = [facts, shuffled]
    with time_machine.travel(NOON + timedelta(hours=5), tick=True):
        reminded = [numbers_to_call(facts, performs) for facts in orders for performs in (1, 0)]
    assert reminded == [reminded[0]] * 4


def numbers_to_call(facts: list[Fact], performs_at_once: int) -> list[str]:
    """Record the facts of a scenario, perform what follows, and list whom to call back."""
    models = (CallBackMiss, CallBackEvent, CallBack, Job, CallLeg, CallRecording, CallFact, Call)
    for model in models:
        db.session.execute(delete(model))
    db.session.commit()
    for fact in facts:
        ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        if performs_at_once:
            perform(*BY_CALLS)
    perform(*BY_CALLS)
    return sorted(db.session.scalars(select(CallBack.number).where(CallBack.done_at.is_(None))))
