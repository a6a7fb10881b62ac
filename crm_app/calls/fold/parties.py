"""Who the two sides of a call are: its direction, the outside number, the extension that placed it.

Every choice here depends on what the facts say and never on when they arrived.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_app.calls.fold.facts import Direction, Fact, FactKind, is_own_leg

OUTGOING = (FactKind.OUTGOING_STARTED, FactKind.OUTGOING_ENDED)
_NAMES_CALLER = (
    FactKind.STARTED,
    FactKind.RANG,
    FactKind.ANSWERED,
    FactKind.ENDED,
    FactKind.MENU,
    FactKind.STOPPED_RINGING,
    FactKind.LISTED,
    FactKind.REFUSED,
)
_NAMES_CALLED = (*OUTGOING, FactKind.LISTED, FactKind.ANSWERED, FactKind.ENDED, FactKind.RANG)


@dataclass(frozen=True, slots=True)
class Parties:
    """The two sides: `outside_number` is '' when hidden or when both sides are ours.

    `outside_name` is what the PBX put in the place of a number.
    """

    direction: Direction
    outside_number: str = ""
    placed_by: str = ""
    is_own_leg: bool = False
    called_extension: str = ""
    outside_name: str = ""


def parties_of(facts: list[Fact]) -> Parties:
    """Read both sides of a call from its facts.

    The prefix of the PBX's call id gives the direction; it is corrected when both sides are ours,
    and when incoming events turn out to be our own click-to-call.
    """
    pbx_call_id = facts[0].pbx_call_id if facts else ""
    if pbx_call_id.startswith("out_"):
        return _placed(facts)
    if not pbx_call_id.startswith("in_") and any(fact.kind in OUTGOING for fact in facts):
        return _placed(facts)
    return _received(facts)


def _placed(facts: list[Fact]) -> Parties:
    outgoing = [fact for fact in facts if fact.kind in OUTGOING]
    placed_by = (
        _first(fact.extension for fact in outgoing)
        or _first(fact.caller for fact in facts if fact.is_ours(fact.caller))
        or _first(fact.extension for fact in facts if fact.kind is FactKind.DIALLED)
        or _first(
            fact.extension
            for fact in facts
            if fact.kind in (FactKind.ANSWERED, FactKind.LISTED) and fact.called != fact.extension
        )
    )
    only_own_leg = bool(outgoing) and all(is_own_leg(fact) for fact in outgoing)
    called = [
        [fact for fact in facts if fact.kind is kind and fact.called]
        for kind in (*_NAMES_CALLED, FactKind.DIALLED)
    ]
    outside = _first_of(
        [fact.called for fact in group if not fact.is_ours(fact.called)] for group in called
    )
    if outside:
        return Parties(Direction.OUTBOUND, outside, placed_by, only_own_leg)
    colleague = _first_of(
        [fact.called for fact in group if fact.called != placed_by] for group in called
    )
    if colleague and not only_own_leg:
        return Parties(Direction.INTERNAL, "", placed_by, called_extension=colleague)
    name = _first(fact.called_name for fact in outgoing)
    return Parties(Direction.OUTBOUND, "", placed_by, only_own_leg, outside_name=name)


def _received(facts: list[Fact]) -> Parties:
    callers = [
        [fact for fact in facts if fact.kind is kind and fact.caller] for kind in _NAMES_CALLER
    ]
    outside = _first_of(
        [fact.caller for fact in group if not fact.is_ours(fact.caller)] for group in callers
    )
    if outside:
        return Parties(Direction.INBOUND, outside)
    dialled = [fact for fact in facts if fact.kind is FactKind.DIALLED]
    caller = _first_of([fact.caller for fact in group] for group in callers)
    placed_by = caller or _first(fact.extension for fact in dialled)
    named = _named_by_the_pbx(facts)
    # A click is known to no phone but its own: where a colleague rings, the colleague was called.
    if dialled and not named - {placed_by} - _passed_to(facts):
        wanted = _first(fact.called for fact in dialled)
        if any(fact.is_ours(wanted) for fact in dialled):
            return Parties(Direction.INTERNAL, "", placed_by, called_extension=wanted)
        return Parties(Direction.OUTBOUND, wanted, placed_by)
    if not caller:
        name = _first(fact.caller_name for fact in facts if fact.kind in _NAMES_CALLER)
        return Parties(Direction.INBOUND, outside_name=name)
    # Nobody but the caller's own phone is named: the PBX rings it first to call somebody else.
    if named == {caller}:
        return Parties(Direction.OUTBOUND, "", caller)
    return Parties(Direction.INTERNAL, "", caller)


def _named_by_the_pbx(facts: list[Fact]) -> set[str]:
    sent = [fact for fact in facts if fact.kind is not FactKind.DIALLED]
    return ({fact.who for fact in sent} | {fact.last_extension for fact in sent}) - {""}


def _passed_to(facts: list[Fact]) -> set[str]:
    """Name the extensions that a colleague passed the call to: they say nothing of who called."""
    return {fact.who for fact in facts if fact.transfer_from}


def _first(values: Iterable[str]) -> str:
    """Choose one of several values in a way that does not depend on their order."""
    return min(filter(None, values), default="")


def _first_of(groups: Iterable[list[str]]) -> str:
    return next((min(group) for group in groups if group), "")
