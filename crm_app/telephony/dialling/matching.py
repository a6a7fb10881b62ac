"""Which click a call came of: the PBX gives no id for it, so extension, number and time must do."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from crm_app.calls.fold.facts import Fact, FactKind, is_own_leg, may_be_extension
from crm_app.phone_pairs import other_writings

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
    """A click that a call may still come of: whose phone rings first, which number, when.

    `pbx_call_id` is the call that has come of it so far; once it is not open, no other can.
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
    """A click and what the fact is of it: our own phone ringing first, or the call itself."""

    wish: Wish
    part: Part


def may_belong(fact: Fact) -> bool:
    """Tell cheaply whether a fact could come of a click at all: clients' own calls cannot."""
    return fact.kind in _KINDS and (
        fact.pbx_call_id.startswith("out_") or may_be_extension(fact.caller)
    )


def match(fact: Fact, wishes: Iterable[Wish], colleagues: Collection[str] = ()) -> Match | None:
    """Find the click that a fact belongs to, the newest of several; None when it is another call.

    A fact that names no extension belongs to a click only if no other user asked for the number.
    `colleagues` are the extensions that the call has reached beside the one that made it.
    """
    if not may_belong(fact):
        return None
    wishes = list(wishes)
    # A call comes of one click: what is heard of it later says nothing of an older one.
    candidates = [wish for wish in wishes if wish.pbx_call_id == fact.pbx_call_id] or wishes
    open_ = sorted(
        (wish for wish in candidates if wish.is_open and _is_in_time(fact, wish)),
        key=lambda wish: (wish.created_at, wish.id),
        reverse=True,
    )
    if _is_own_phone(fact):
        return next((Match(w, "own_leg") for w in open_ if w.extension == fact.called), None)
    own = [wish for wish in open_ if wish.extension in _extensions_of(fact)]
    if not fact.pbx_call_id.startswith("out_"):
        # Some accounts report a click as an incoming call from the extension, without the number.
        return Match(own[0], "call") if own and _is_lone(fact) and not colleagues else None
    fitting = [
        wish
        for wish in (own if _extensions_of(fact) else open_)
        if _is_same_number(fact.called, wish.number) or fact.called_other == wish.number
    ]
    is_clear = len({wish.extension for wish in fitting}) == 1
    return Match(fitting[0], "call") if is_clear else None


def _extensions_of(fact: Fact) -> set[str]:
    return {name for name in (fact.extension, fact.caller) if may_be_extension(name)}


def _is_own_phone(fact: Fact) -> bool:
    """Tell whether the phone that rings is that of whoever calls, and not a colleague's."""
    named = _extensions_of(fact)
    return named == {fact.called} or (is_own_leg(fact) and not named)


def _is_lone(fact: Fact) -> bool:
    # When a call starts, nobody can say yet whether a colleague will ring.
    if fact.kind is FactKind.STARTED:
        return False
    return fact.extension in {"", fact.caller} and fact.called in {"", fact.caller}


def _is_in_time(fact: Fact, wish: Wish) -> bool:
    return -_EARLY <= fact.received_at - wish.created_at <= BELONGS_FOR


def _is_same_number(called: str, wanted: str) -> bool:
    if called == wanted or called in other_writings(wanted):
        return True
    tails = called[-TAIL_LENGTH:], wanted[-TAIL_LENGTH:]
    return len(tails[0]) == TAIL_LENGTH and tails[0] == tails[1]
