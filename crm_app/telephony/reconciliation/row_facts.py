"""From rows of the statistics to facts about calls, with every number in one form."""

from collections.abc import Iterable
from datetime import datetime

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.listed import ROOT
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.webhook.event_facts import Side, form_of, side_of
from crm_app.telephony.zadarma.party import MAX_EXTENSION_DIGITS
from crm_app.telephony.zadarma.replies import StatisticsLeg

HISTORY = "history"
_LONGEST_TEXT = 120


def to_fact(
    leg: StatisticsLeg,
    time: AccountTime,
    received_at: datetime,
    default_country: str,
    origin: str = "",
) -> Fact:
    """Turn a row into the fact it tells; the PBX's words for the two sides are read by direction.

    On incoming rows the destination is our line, or the extension that rang. On outgoing ones the
    caller is an extension, or only the line that the client sees.
    """
    forms = [form_of(text, default_country) for text in (leg.called, leg.caller)]
    form = next(filter(None, forms), "")
    caller = side_of(leg.caller, default_country, form)
    called = side_of(leg.called, default_country, form)
    if leg.direction == "outbound":
        extension = leg.extension or (caller.number if _is_short(caller) else "")
        caller, did = Side(), ""
    else:
        extension = leg.extension or (called.number if _is_short(called) else "")
        did = "" if _is_short(called) else called.number
        called = Side()
    return Fact(
        kind=FactKind.LISTED,
        pbx_call_id=leg.pbx_call_id,
        received_at=received_at,
        caller=caller.number,
        called=called.number,
        did=did,
        extension=extension,
        disposition=Disposition(leg.disposition) if leg.disposition else None,
        disposition_raw=leg.disposition_raw[:_LONGEST_TEXT],
        talk_seconds=leg.talk_seconds if leg.disposition in ("", "answered") else 0,
        recording_id=leg.recording_id[:_LONGEST_TEXT] if leg.is_recorded else "",
        is_recorded=leg.is_recorded,
        leg=ROOT if leg.recording_id else "",
        pbx_time=leg.started[:_LONGEST_TEXT],
        caller_name=caller.name,
        called_name=called.name,
        caller_other=caller.other,
        called_other=called.other,
        happened_at=time.utc(leg.started),
        origin=origin,
    )


def by_call(legs: Iterable[StatisticsLeg]) -> dict[str, list[StatisticsLeg]]:
    """Put the legs of each call together, in the order in which the calls come."""
    calls: dict[str, list[StatisticsLeg]] = {}
    for leg in legs:
        calls.setdefault(leg.pbx_call_id, []).append(leg)
    return calls


def _is_short(side: Side) -> bool:
    return side.is_extension or 0 < len(side.number) <= MAX_EXTENSION_DIGITS
