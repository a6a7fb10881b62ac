"""Which dial request led to a call: the PBX gives no id, so extension, number and time decide."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from crm_app.calls.fold.facts import Fact, FactKind, is_own_leg, may_be_extension
from crm_app.phone_pairs import equivalents

TAIL_LENGTH = 9
# How long after a dial request an event may still belong to it.
BELONGS_FOR = timedelta(minutes=10)
# Two machines may disagree a little about the time.
_EARLY = timedelta(seconds=5)
_KINDS = frozenset(
    {
        FactKind.STARTED,
        FactKind.RANG,
        FactKind.ANSWERED,
        FactKind.ENDED,
        FactKind.OUTGOING_STARTED,
        FactKind.OUTGOING_ENDED,
    }
)

MatchKind = Literal["own_leg", "call"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dial request that a call may belong to: whose phone rings first, which number, when.

    `pbx_call_id` is the call that it led to so far; once it is not open, no other call can.
    """

    id: int
    user_id: int
    extension: str
    number: str
    created_at: datetime
    contact_id: int | None = None
    lead_id: int | None = None
    pbx_call_id: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """A dial request, and what the fact is about: our own phone that rings first, or the call."""

    request: Candidate
    kind: MatchKind


def may_match(fact: Fact) -> bool:
    """Rule out cheaply what cannot come from a dial request, such as calls of clients."""
    return fact.kind in _KINDS and (
        fact.pbx_call_id.startswith("out_") or may_be_extension(fact.caller)
    )


def match(
    fact: Fact, requests: Iterable[Candidate], colleagues: Collection[str] = ()
) -> Match | None:
    """Find the dial request that a fact belongs to, the newest of several; None for other calls.

    A fact that names no extension belongs to one only if no other user asked for the number.
    `colleagues` are the extensions that the call has reached besides the one that made it.
    """
    if not may_match(fact):
        return None
    requests = list(requests)
    # One request leads to one call: later facts of that call say nothing about an older request.
    candidates = [one for one in requests if one.pbx_call_id == fact.pbx_call_id] or requests
    open_ = sorted(
        (one for one in candidates if one.is_open and _is_in_time(fact, one)),
        key=lambda one: (one.created_at, one.id),
        reverse=True,
    )
    if _is_own_phone(fact):
        return next((Match(one, "own_leg") for one in open_ if one.extension == fact.called), None)
    own = [one for one in open_ if one.extension in _extensions_of(fact)]
    if not fact.pbx_call_id.startswith("out_"):
        # Some accounts report it as an incoming call from the extension, without the number.
        return Match(own[0], "call") if own and _is_lone(fact) and not colleagues else None
    fitting = [
        one
        for one in (own if _extensions_of(fact) else open_)
        if _is_same_number(fact.called, one.number) or fact.called_other == one.number
    ]
    is_clear = len({one.extension for one in fitting}) == 1
    return Match(fitting[0], "call") if is_clear else None


def _extensions_of(fact: Fact) -> set[str]:
    return {name for name in (fact.extension, fact.caller) if may_be_extension(name)}


def _is_own_phone(fact: Fact) -> bool:
    """Check that the phone that rings is the caller's own and not a colleague's."""
    named = _extensions_of(fact)
    return named == {fact.called} or (is_own_leg(fact) and not named)


def _is_lone(fact: Fact) -> bool:
    # When a call starts, nobody knows yet whether a colleague's phone will ring.
    if fact.kind is FactKind.STARTED:
        return False
    return fact.extension in {"", fact.caller} and fact.called in {"", fact.caller}


def _is_in_time(fact: Fact, request: Candidate) -> bool:
    return -_EARLY <= fact.received_at - request.created_at <= BELONGS_FOR


def _is_same_number(called: str, wanted: str) -> bool:
    if called == wanted or called in equivalents(wanted):
        return True
    tails = called[-TAIL_LENGTH:], wanted[-TAIL_LENGTH:]
    return len(tails[0]) == TAIL_LENGTH and tails[0] == tails[1]
