"""Which of our extensions took part in a call: who rang, who talked, who passed it to whom."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from crm_app.calls.facts import Direction, Fact, FactKind, is_extension, is_own_leg
from crm_app.calls.parties import Parties


@dataclass(frozen=True, slots=True)
class Leg:
    """One extension's part in a call, once for each colleague who passed the call to it."""

    extension: str
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    transferred_from: str = ""
    stopped_at: datetime | None = None


def answerers_of(told: list[Fact], answers: list[Fact], parties: Parties) -> list[str]:
    """Name the extensions that picked up, in the order the call went through their hands.

    A transfer says who passed the call on, so the chain follows `transfer_from`; time decides only
    between answers that no transfer links. Somebody who got the call back is named twice.
    """
    passes: dict[tuple[str, str], None] = {}
    for fact in answers:
        who = answering(fact, parties)
        if who and who != parties.placed_by:
            passes[who, fact.transfer_from or _passed_from(who, told)] = None
    talking = {who for who, _ in passes} | {parties.placed_by}
    chain: list[str] = []
    todo = [step for step in passes if step[1] not in talking or step[1] == parties.placed_by]
    todo += [step for step in passes if step not in todo]  # a ring of transfers has no beginning
    done: set[tuple[str, str]] = set()
    todo.reverse()
    while todo:
        step = todo.pop()
        if step in done:
            continue
        done.add(step)
        chain.append(step[0])
        todo.extend(after for after in reversed(passes) if after[1] == step[0])
    return chain


def answering(fact: Fact, parties: Parties) -> str:
    """The extension that picked up in an answer, '' when the fact names none."""
    if parties.direction is Direction.INTERNAL and is_extension(fact.called):
        return fact.called
    return fact.who


def _passed_from(who: str, told: list[Fact]) -> str:
    """Who passed the call to an extension that rang for no other reason, '' otherwise."""
    sources = {fact.transfer_from for fact in told if _rings(fact) and fact.extension == who}
    return "" if "" in sources else min(sources, default="")


def legs_of(
    told: list[Fact], answers: list[Fact], leg_ends: list[Fact], parties: Parties
) -> tuple[Leg, ...]:
    """List the legs: first those that rang by themselves, then those a colleague passed on."""
    legs: dict[tuple[str, str], Leg] = {}
    for who, source, moment in _rings_in(told, parties):
        legs.setdefault((who, source), Leg(who, moment, None, source))
    for fact in told:
        if fact.kind is FactKind.ANSWERED and (fact in answers or fact.called == parties.placed_by):
            _note_answer(legs, fact, answering(fact, parties))
        elif fact.kind is FactKind.STOPPED_RINGING or fact in leg_ends:
            key = _leg_key(legs, fact.extension, fact.transfer_from)
            if key in legs and legs[key].stopped_at is None:
                legs[key] = replace(legs[key], stopped_at=fact.received_at)
    _note_own_phone(legs, told, parties)
    return tuple(
        legs[key] for key in sorted(legs, key=lambda key: (bool(key[1]), len(key[0]), *key))
    )


def ringing_in(legs: Iterable[Leg], participants: Iterable[str]) -> tuple[str, ...]:
    """Name the extensions that ring at this moment, sorted, in a call that is not over.

    Once somebody talks only those ring to whom the call is being passed on.
    """
    legs, talked = tuple(legs), set(participants)
    taken_back = {leg.transferred_from for leg in legs}
    waiting = (
        leg.extension
        for leg in legs
        if leg.rang_at
        and not (leg.answered_at or leg.stopped_at)
        and leg.extension not in talked | taken_back
        and (leg.transferred_from or not talked)
    )
    return tuple(sorted(set(waiting)))


def _rings(fact: Fact) -> bool:
    return fact.kind is FactKind.RANG and bool(fact.extension)


def _rings_in(told: list[Fact], parties: Parties) -> Iterable[tuple[str, str, datetime]]:
    between_us = parties.direction is Direction.INTERNAL
    for fact in told:
        if _rings(fact):
            yield fact.extension, fact.transfer_from, fact.received_at
        elif fact.kind is FactKind.OUTGOING_STARTED and (
            is_own_leg(fact) or (between_us and is_extension(fact.called))
        ):
            yield fact.called, "", fact.received_at


def _note_answer(legs: dict[tuple[str, str], Leg], fact: Fact, who: str) -> None:
    if not who:
        return
    key = _leg_key(legs, who, fact.transfer_from)
    leg = legs.get(key) or Leg(who, transferred_from=fact.transfer_from)
    if leg.answered_at is None:
        legs[key] = replace(leg, answered_at=fact.received_at)


def _leg_key(legs: dict[tuple[str, str], Leg], who: str, source: str) -> tuple[str, str]:
    """Find the leg an event belongs to; events often do not say who passed the call on."""
    others = sorted(key for key in legs if key[0] == who)
    return next((key for key in [(who, source), *others] if key in legs), (who, source))


def _note_own_phone(legs: dict[tuple[str, str], Leg], told: list[Fact], parties: Parties) -> None:
    """Our phone has been picked up once the PBX goes on to call the other side."""
    key = (parties.placed_by, "")
    if key not in legs or legs[key].answered_at or parties.direction is not Direction.OUTBOUND:
        return
    for fact in told:
        if fact.kind is FactKind.OUTGOING_STARTED and not is_own_leg(fact):
            legs[key] = replace(legs[key], answered_at=fact.received_at)
            return
