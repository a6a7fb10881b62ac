"""Which of our extensions took part in a call: who rang, who talked, who passed it to whom."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from crm_app.calls.fold.facts import Direction, Fact, FactKind, is_own_leg
from crm_app.calls.fold.parties import Parties


class LegState(StrEnum):
    """Where one phone is in a call; it is done when it does not ring and has never talked."""

    RINGING = "ringing"
    TALKING = "talking"
    TALKED = "talked"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Leg:
    """One extension's part in a call, once for each colleague who passed the call to it.

    `talk_seconds` is how long this phone had the call, None while it talks and when that is not
    known.
    """

    extension: str
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    transferred_from: str = ""
    stopped_at: datetime | None = None
    state: LegState = LegState.DONE
    talk_seconds: int | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether it has begun to ring, and nothing has come of it yet."""
        return bool(self.rang_at) and not (self.answered_at or self.stopped_at)


# By extension, then by who passed the call to it.
Legs = dict[str, dict[str, Leg]]


def answerers_of(facts: list[Fact], answers: list[Fact], parties: Parties) -> list[str]:
    """Name the extensions that picked up, in the order the call went through their hands.

    A transfer says who passed the call on, so the chain follows `transfer_from`; time decides only
    between answers that no transfer links. Somebody who got the call back is named twice.
    """
    passed_from = _passed_from(facts)
    passes: dict[tuple[str, str], None] = {}
    for fact in answers:
        who = answering(fact, parties)
        if who and who != parties.placed_by:
            passes[who, fact.transfer_from or passed_from.get(who, "")] = None
    following: dict[str, list[tuple[str, str]]] = {}
    for step in reversed(passes):
        following.setdefault(step[1], []).append(step)
    talking = {who for who, _ in passes}
    chain: list[str] = []
    # A ring of transfers has no beginning, so those that follow somebody come last and not never.
    todo = sorted(passes, key=lambda step: step[1] in talking)
    done: set[tuple[str, str]] = set()
    todo.reverse()
    while todo:
        step = todo.pop()
        if step in done:
            continue
        done.add(step)
        chain.append(step[0])
        todo.extend(following.get(step[0], ()))
    return chain


def answering(fact: Fact, parties: Parties) -> str:
    """The extension that picked up in an answer, '' when the fact names none."""
    if parties.direction is Direction.INTERNAL and fact.is_ours(fact.called):
        return fact.called
    return fact.who


def _passed_from(facts: list[Fact]) -> dict[str, str]:
    """Who passed the call to each extension that rang for no other reason."""
    sources: dict[str, set[str]] = {}
    for fact in filter(_rings, facts):
        sources.setdefault(fact.extension, set()).add(fact.transfer_from)
    return {who: min(passed) for who, passed in sources.items() if "" not in passed}


def legs_of(
    facts: list[Fact], answers: list[Fact], leg_ends: list[Fact], parties: Parties
) -> tuple[Leg, ...]:
    """List the legs: first those that rang by themselves, then those a colleague passed on."""
    legs: Legs = {}
    for who, source, moment in _rings_in(facts, parties):
        legs.setdefault(who, {}).setdefault(source, Leg(who, moment, None, source))
    counted, ending = set(answers), set(leg_ends)
    for fact in facts:
        if fact.kind is FactKind.ANSWERED and (fact in counted or fact.called == parties.placed_by):
            _note_answer(legs, fact, answering(fact, parties))
        elif fact.kind is FactKind.STOPPED_RINGING or fact in ending:
            _note_stop(legs, fact)
    _note_own_phone(legs, facts, parties)
    found = [leg for by_source in legs.values() for leg in by_source.values()]
    return tuple(sorted(found, key=_place))


def ringing_in(legs: Iterable[Leg], participants: Iterable[str]) -> tuple[str, ...]:
    """Name the extensions that ring at this moment, sorted, in a call that is not over.

    Once somebody talks only those ring to whom the call is being passed on.
    """
    legs, talked = tuple(legs), set(participants)
    taken_back = {leg.transferred_from for leg in legs}
    waiting = (
        leg.extension
        for leg in legs
        if leg.is_unanswered
        and leg.extension not in talked | taken_back
        and (leg.transferred_from or not talked)
    )
    return tuple(sorted(set(waiting)))


def _rings(fact: Fact) -> bool:
    return fact.kind is FactKind.RANG and bool(fact.extension)


def _rings_in(facts: list[Fact], parties: Parties) -> Iterable[tuple[str, str, datetime]]:
    between_us = parties.direction is Direction.INTERNAL
    for fact in facts:
        if _rings(fact):
            yield fact.extension, fact.transfer_from, fact.received_at
        elif fact.kind is FactKind.OUTGOING_STARTED and (
            is_own_leg(fact) or (between_us and fact.is_ours(fact.called))
        ):
            yield fact.called, "", fact.received_at


def _note_answer(legs: Legs, fact: Fact, who: str) -> None:
    if not who:
        return
    mine = legs.setdefault(who, {})
    source = _source_of(mine, fact)
    leg = mine.get(source) or Leg(who, transferred_from=source)
    if leg.answered_at is None:
        mine[source] = replace(leg, answered_at=fact.received_at)


def _note_stop(legs: Legs, fact: Fact) -> None:
    mine = legs.get(fact.extension, {})
    leg = mine.get(_source_of(mine, fact))
    if leg and leg.stopped_at is None:
        mine[leg.transferred_from] = replace(leg, stopped_at=fact.received_at)


def _source_of(mine: dict[str, Leg], fact: Fact) -> str:
    """Find the leg an event belongs to; events often do not say who passed the call on."""
    source = fact.transfer_from
    return source if source in mine else min(mine, default=source)


def _note_own_phone(legs: Legs, facts: list[Fact], parties: Parties) -> None:
    """Our phone has been picked up once the PBX goes on to call the other side."""
    mine = legs.get(parties.placed_by, {})
    own = mine.get("")
    if not own or own.answered_at or parties.direction is not Direction.OUTBOUND:
        return
    for fact in facts:
        if fact.kind is FactKind.OUTGOING_STARTED and not is_own_leg(fact):
            mine[""] = replace(own, answered_at=fact.received_at)
            return


def _place(leg: Leg) -> tuple[bool, int, str, str]:
    return bool(leg.transferred_from), len(leg.extension), leg.extension, leg.transferred_from
