"""From the PBX's typed events to facts about calls, with every number in one form."""

from datetime import datetime
from functools import lru_cache

from crm_app import phone_numbers
from crm_app.calls.facts import Disposition, Fact, FactKind
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.parties import party

_KINDS: dict[type[events.Event], FactKind] = {
    events.CallStarted: FactKind.STARTED,
    events.ExtensionRang: FactKind.RANG,
    events.ExtensionStopped: FactKind.STOPPED_RINGING,
    events.CallAnswered: FactKind.ANSWERED,
    events.CallEnded: FactKind.ENDED,
    events.OutgoingStarted: FactKind.OUTGOING_STARTED,
    events.OutgoingEnded: FactKind.OUTGOING_ENDED,
    events.MenuChoice: FactKind.MENU,
    events.RecordingReady: FactKind.RECORDED,
}
_ENDS = (FactKind.ENDED, FactKind.OUTGOING_ENDED)
# `recording_id` and its like are unbounded text on the wire.
_LONGEST_TEXT = 120
# What the call log has room for; no telephone number is as long.
_LONGEST_NUMBER = 40


def to_fact(event: events.Event, received_at: datetime, default_country: str) -> Fact | None:
    """Turn an event into the fact it tells, or None when it is not about a call.

    `received_at` is our own clock; `default_country` the two letters that national numbers
    belong to.
    """
    kind = _KINDS.get(type(event))
    if kind is None or not isinstance(event, events.CallEvent):
        return None
    dialled = f"+{event.dialled_e164}" if event.dialled_e164 else event.called
    return Fact(
        kind=kind,
        pbx_call_id=event.pbx_call_id,
        received_at=received_at,
        caller=number_of(event.caller, default_country),
        called=number_of(dialled, default_country),
        did=number_of(event.did, default_country),
        extension=event.extension,
        last_extension=event.last_extension,
        transfer_from=event.transfer_from,
        disposition=Disposition(event.disposition) if event.disposition else None,
        disposition_raw=event.disposition_raw[:_LONGEST_TEXT],
        talk_seconds=event.talk_seconds if kind in _ENDS else None,
        recording_id=event.recording_id[:_LONGEST_TEXT],
        is_recorded=event.is_recorded,
        leg=event.leg,
        pbx_time=event.call_start[:_LONGEST_TEXT],
        menu_choice=event.digits[:_LONGEST_TEXT] if isinstance(event, events.MenuChoice) else "",
    )


# One call brings its numbers up to a dozen times, and an office has few of its own; working a
# number out costs more than storing a fact.
@lru_cache(maxsize=4096)
def number_of(text: str, default_country: str) -> str:
    """Read a party as the PBX writes it: E.164, an extension's digits, or "" when hidden."""
    who = party(text)
    if who.kind == "outside":
        return phone_numbers.caller_number(text, default_country)[:_LONGEST_NUMBER]
    return who.digits
