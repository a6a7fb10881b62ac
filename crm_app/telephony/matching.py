"""Which click a call came of: the PBX gives no id for it, so extension, number and time must do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from crm_app.calls.facts import Fact, FactKind, is_extension, is_own_leg

TAIL_LENGTH = 9
# How long after a click an event may still belong to it.
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

Part = Literal["own_leg", "call"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A click that a call may still come of: whose phone rings first, which number, when."""

    id: int
    user_id: int
    extension: str
    number: str
    created_at: datetime
    contact_id: int | None = None
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A click and what the fact is of it: our own phone ringing first, or the call itself."""

    wish: Wish
    part: Part


def may_belong(fact: Fact) -> bool:
    """Tell cheaply whether a fact could come of a click at all: clients' own calls cannot."""
    return fact.kind in _KINDS and (
        fact.pbx_call_id.startswith("out_") or is_extension(fact.caller)
    )


def match(fact: Fact, wishes: Iterable[Wish]) -> Match | None:
    """Find the click that a fact belongs to, the newest of several; None when it is another call.

    A fact that names no extension belongs to a click only if no other user asked for the number.
    """
    if not may_belong(fact):
        return None
    open_ = sorted(
        (wish for wish in wishes if _is_in_time(fact, wish)),
        key=lambda wish: (wish.created_at, wish.id),
        reverse=True,
    )
    own = [wish for wish in open_ if wish.extension in _extensions_of(fact)]
    if is_own_leg(fact) or _is_own_phone(fact):
        return Match(own[0], "own_leg") if own else None
    if not fact.pbx_call_id.startswith("out_"):
        # Some accounts report a click as an incoming call from the extension, without the number.
        return Match(own[0], "call") if own and _is_lone(fact) else None
    if not _extensions_of(fact):
        own = open_ if len({wish.extension for wish in open_}) == 1 else []
    fitting = [wish for wish in own if _is_same_number(fact.called, wish.number)]
    return Match(fitting[0], "call") if fitting else None


def _extensions_of(fact: Fact) -> set[str]:
    return {name for name in (fact.extension, fact.caller) if is_extension(name)}


def _is_own_phone(fact: Fact) -> bool:
    return is_extension(fact.called) and fact.called in {fact.caller, fact.extension}


def _is_lone(fact: Fact) -> bool:
    return fact.extension in {"", fact.caller} and fact.called in {"", fact.caller}


def _is_in_time(fact: Fact, wish: Wish) -> bool:
    return -_EARLY <= fact.received_at - wish.created_at <= BELONGS_FOR


def _is_same_number(called: str, wanted: str) -> bool:
    if called == wanted:
        return True
    tails = called[-TAIL_LENGTH:], wanted[-TAIL_LENGTH:]
    return len(tails[0]) == TAIL_LENGTH and tails[0] == tails[1]
