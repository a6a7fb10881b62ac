"""What a card says of a call is what the fold says of it, at every step and for every colleague."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import CallPhase, Direction, Fact
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.models import Call
from crm_app.calls.popups.card_state import CardState, on_screen_of
from crm_app.calls.store.ledger import record
from crm_app.demo import make_user
from crm_app.extensions import db
from tests.calls.test_lifecycle_scenarios import CALLS, NOON, arriving, facts_of, fill, ordered

EXTENSIONS = [fill(name) for name in ("{{ext1}}", "{{ext2}}", "{{ext3}}", "{{ext4}}", "{{ext5}}")]


@pytest.fixture
def office(app: Flask) -> Iterator[dict[str, User]]:
    with time_machine.travel(NOON, tick=False):
        yield {name: make_user(f"Agent {name}", extension=name) for name in EXTENSIONS}


def said_by_the_fold(call: CallState, extension: str) -> CardState | None:
    if call.direction is Direction.INTERNAL or call.is_own_leg:
        return None
    if extension == call.talking_extension:
        return CardState.TALKING
    is_placing = extension == call.placed_by and call.phase is CallPhase.RINGING
    if is_placing or extension in call.ringing_extensions:
        return CardState.RINGING
    has_placed = extension == call.placed_by and call.phase is CallPhase.ENDED
    return CardState.WRAP_UP if has_placed or extension in call.participants else None


def check_each_step(facts: list[Fact], office: dict[str, User]) -> Counter[CardState]:
    """Record one fact after the other, compare after each, and count the cards that were seen."""
    seen: Counter[CardState] = Counter()
    folded: dict[int, CallState] = {}
    for fact in facts:
        with time_machine.travel(fact.received_at, tick=False):
            recorded = record(db.session.connection(), fact, "")
            folded[recorded.call_id] = recorded.state
            db.session.expire_all()
            for extension, user in office.items():
                cards = {call.id: state for call, state, _ in on_screen_of(user)}
                said = {key: said_by_the_fold(call, extension) for key, call in folded.items()}
                assert cards == {key: state for key, state in said.items() if state}
                seen.update(cards.values())
            check_who_talks(folded, office)
    db.session.rollback()
    return seen


def check_who_talks(folded: dict[int, CallState], office: dict[str, User]) -> None:
    for call_id, talking_user_id in db.session.execute(select(Call.id, Call.talking_user_id)):
        talking = office.get(folded[call_id].talking_extension)
        assert talking_user_id == (talking.id if talking else None)


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
def test_cards_and_fold_agree_at_every_step_in_any_order(
    scenario: dict[str, Any], office: dict[str, User]
) -> None:
    rng = random.Random(17)
    facts = facts_of(scenario)
    check_each_step(facts, office)
    for _ in range(2):
        check_each_step(arriving(ordered(rng.sample(facts, len(facts)), facts)), office)


def test_the_comparison_has_seen_cards_of_every_state(office: dict[str, User]) -> None:
    seen = sum((check_each_step(facts_of(scenario), office) for scenario in CALLS), Counter())
    assert min(seen[state] for state in CardState if state is not CardState.OVER) > 20
