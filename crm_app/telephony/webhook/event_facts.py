"""From the PBX's typed events to facts about calls, with every number in one form."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from crm_app import phone_numbers
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.party import MAX_EXTENSION_DIGITS, party

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
# The column length in the call log; no phone number is as long.
_LONGEST_NUMBER = 40
_EXACT_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def to_fact(event: events.Event, received_at: datetime, default_country: str) -> Fact | None:
    """Turn an event into the fact it tells, or None when it is not about a call.

    `received_at` is our own clock; `default_country` the two letters that national numbers
    belong to.
    """
    kind = _KINDS.get(type(event))
    if kind is None or not isinstance(event, events.CallEvent):
        return None
    did = side_of(event.did, default_country).number
    forms = [form_of(text, default_country) for text in _others(event)]
    form = next(filter(None, forms), "")
    caller = side_of(event.caller, default_country, form)
    called = side_of(event.called, default_country, form)
    # The PBX reports the dialled number itself; only the other field has the code around it.
    dialled = side_of(f"+{event.dialled_e164}", default_country) if event.dialled_e164 else called
    return Fact(
        kind=kind,
        pbx_call_id=event.pbx_call_id,
        received_at=received_at,
        caller=caller.number,
        called=dialled.number,
        did=did,
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
        is_undated=kind is not FactKind.RECORDED and not _is_exact(event.call_start),
        menu_choice=event.digits[:_LONGEST_TEXT] if isinstance(event, events.MenuChoice) else "",
        caller_name=caller.name,
        called_name=dialled.name,
        caller_other=caller.other,
        called_other=dialled.other,
        dial_code=(called.code or caller.code)[:_LONGEST_TEXT],
        own=_surely_ours(event, caller, dialled),
    )


def _is_exact(call_start: str) -> bool:
    """Whether a call's start has the PBX's time format.

    The signature covers the line and the time without a separator: moving digits from one to the
    other must not turn an old call into a new one.
    """
    if not _EXACT_TIME.fullmatch(call_start):
        return False
    try:
        datetime.fromisoformat(call_start)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Side:
    """One normalised party: its number, or the name in its place, and the code around it."""

    number: str = ""
    other: str = ""
    name: str = ""
    code: str = ""
    is_extension: bool = False


# Cached: a call's notifications repeat its numbers up to a dozen times, and parsing a number costs
# more than storing a fact.
@lru_cache(maxsize=4096)
def side_of(text: str, default_country: str, form: phone_numbers.Form = "") -> Side:
    """Normalise a party as the PBX writes it: to E.164, a short number, or "" when hidden.

    `form` is how the event writes its other numbers; a number without a plus is read the same way.
    """
    who = party(text)
    if who.kind == "extension":
        return Side(who.digits, is_extension=True)
    if who.kind == "hidden":
        return Side(name=who.name)
    read = phone_numbers.reported(who.digits, default_country, form)
    return Side(read.number[:_LONGEST_NUMBER], read.other[:_LONGEST_NUMBER], code=who.code)


@lru_cache(maxsize=4096)
def form_of(text: str, default_country: str) -> phone_numbers.Form:
    """The form in which a party is written, "" when it is ambiguous."""
    who = party(text)
    return phone_numbers.form_of(who.digits, default_country) if who.kind == "number" else ""


def _others(event: events.CallEvent) -> tuple[str, ...]:
    # Each number is read with the form of the others, because its own may be ambiguous.
    return event.did, event.caller, event.called


def _surely_ours(event: events.CallEvent, caller: Side, called: Side) -> frozenset[str]:
    """List the values that the PBX's format proves to be its extensions."""
    ours = {side.number for side in (caller, called) if side.is_extension}
    # Only an extension of ours can call out.
    if event.direction == "outbound" and 0 < len(caller.number) <= MAX_EXTENSION_DIGITS:
        ours.add(caller.number)
    return frozenset(ours)
