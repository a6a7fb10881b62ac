"""Zadarma's notifications as typed events in our own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from crm_app.telephony.zadarma import form_fields
from crm_app.telephony.zadarma.dispositions import Disposition, disposition_from
from crm_app.telephony.zadarma.party import digits_of, party

MAX_CALL_ID_LENGTH = 64

Leg = Literal["", "normal", "callback_leg1", "callback_leg2"]

_LEGS: Mapping[str, Leg] = {
    "normal": "normal",
    "callback_leg1": "callback_leg1",
    "callback_leg2": "callback_leg2",
}


class UnreadableEventError(ValueError):
    """The notification has no event name, or no call id where it must have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Any notification; `name` is the provider's own word for it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """A notification about one call; a field the PBX did not send is empty.

    `caller`, `called` and `did` are as sent but without spaces; `called` is who was dialled or
    who answered; `extension`s are 1 to 5 digits; `call_start` is the account's wall clock, zone
    unknown; `talk_seconds` is never negative.
    """

    pbx_call_id: str
    call_start: str = ""
    caller: str = ""
    called: str = ""
    dialled_e164: str = ""
    did: str = ""
    extension: str = ""
    last_extension: str = ""
    transfer_from: str = ""
    disposition: Disposition = ""
    disposition_raw: str = ""
    talk_seconds: int = 0
    is_recorded: bool = False
    recording_id: str = ""
    leg: Leg = ""

    @property
    def direction(self) -> Literal["", "inbound", "outbound"]:
        """Which way the call runs, by its id: the only reliable sign."""
        return direction_of(self.pbx_call_id)


class CallStarted(CallEvent):
    """An incoming call reached the PBX; the answer may steer it."""

    __slots__ = ()


class ExtensionRang(CallEvent):
    """An extension begins to ring; comes once for each extension."""

    __slots__ = ()


class ExtensionStopped(CallEvent):
    """An extension stopped ringing or talking; sent by some accounts only."""

    __slots__ = ()


class CallAnswered(CallEvent):
    """Somebody answered, an extension or an outside party."""

    __slots__ = ()


class CallEnded(CallEvent):
    """An incoming call is over; may come more than once for a call."""

    __slots__ = ()


class OutgoingStarted(CallEvent):
    """An extension dialled."""

    __slots__ = ()


class OutgoingEnded(CallEvent):
    """A call that an extension made is over."""

    __slots__ = ()


class RecordingReady(CallEvent):
    """A sound file can be fetched; a call may have several."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuChoice(CallEvent):
    """The caller pressed keys in a voice menu, or a phrase was read to its end."""

    menu: str = ""
    digits: str = ""
    is_default: bool = False
    is_phrase_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Event):
    """A text message came in; the PBX gives it neither an id nor a time."""

    sender: str = ""
    did: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent(Event):
    """A notification that Ramal does not use or know, or that no signature covers."""

    pbx_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRecognised(OtherEvent):
    """What was said in a recording has been recognised; as it is unsigned, the PBX is asked."""

    recording_id: str = ""


def parse(fields: Mapping[str, str]) -> Event:
    """Read a notification's decoded form fields, whatever is missing or odd in them.

    Raises UnreadableEventError without an event name, or without a usable call id
    on a call event.
    """
    name = name_of(fields)
    if not name:
        raise UnreadableEventError("The notification has no event name.")
    if name == "SMS":
        return _message(name, fields)
    if name == "SPEECH_RECOGNITION":
        return SpeechRecognised(
            name=name,
            pbx_call_id=form_fields.text(fields, "pbx_call_id")[:MAX_CALL_ID_LENGTH],
            recording_id=form_fields.text(fields, "call_id"),
        )
    kind = _CALL_EVENTS.get(name)
    if kind is None:
        return OtherEvent(
            name=name, pbx_call_id=form_fields.text(fields, "pbx_call_id")[:MAX_CALL_ID_LENGTH]
        )
    return kind(name, fields)


def name_of(fields: Mapping[str, str]) -> str:
    """Read which event a notification is of, "" when it does not say."""
    return form_fields.text(fields, "event")


def direction_of(pbx_call_id: str) -> Literal["", "inbound", "outbound"]:
    """Read the direction of a call from its id; empty if the id does not show it."""
    if pbx_call_id.startswith("in_"):
        return "inbound"
    return "outbound" if pbx_call_id.startswith("out_") else ""


def _call_fields(name: str, fields: Mapping[str, str]) -> dict[str, object]:
    pbx_call_id = form_fields.text(fields, "pbx_call_id")
    if not pbx_call_id or len(pbx_call_id) > MAX_CALL_ID_LENGTH:
        raise UnreadableEventError(f"{name} has no usable call id.")
    return {
        "name": name,
        "pbx_call_id": pbx_call_id,
        "call_start": form_fields.raw_text(fields, "call_start"),
        "caller": form_fields.number(fields, "caller_id"),
        "called": form_fields.number(fields, "destination"),
        "dialled_e164": digits_of(party(form_fields.number(fields, "dst_e164")).digits),
        "did": form_fields.number(fields, "called_did"),
        "extension": form_fields.extension(fields, "internal"),
        "last_extension": form_fields.extension(fields, "last_internal"),
        "transfer_from": form_fields.extension(fields, "transfer_from"),
        "disposition": disposition_from(form_fields.text(fields, "disposition")),
        "disposition_raw": form_fields.text(fields, "disposition"),
        "talk_seconds": form_fields.seconds(fields, "duration"),
        "is_recorded": form_fields.flag(fields, "is_recorded"),
        "recording_id": form_fields.text(fields, "call_id_with_rec"),
        "leg": _LEGS.get(form_fields.text(fields, "calltype").casefold(), ""),
    }


def _plain(kind: type[CallEvent]) -> Callable[[str, Mapping[str, str]], CallEvent]:
    def build(name: str, fields: Mapping[str, str]) -> CallEvent:
        return kind(**_call_fields(name, fields))  # type: ignore[arg-type]

    return build


def _of_a_colleague(kind: type[CallEvent]) -> Callable[[str, Mapping[str, str]], CallEvent]:
    def build(name: str, fields: Mapping[str, str]) -> CallEvent:
        values = _call_fields(name, fields)
        if not values["extension"] and str(values["pbx_call_id"]).startswith("in_"):
            # Some accounts leave `internal` out and name the colleague in `destination`.
            values["extension"] = form_fields.extension(fields, "destination")
        return kind(**values)  # type: ignore[arg-type]

    return build


def _menu_choice(name: str, fields: Mapping[str, str]) -> MenuChoice:
    pressed = form_fields.nested(fields, "wait_dtmf")
    said = {form_fields.text(fields, key).upper() for key in ("ivr_saydigits", "ivr_saynumber")}
    return MenuChoice(
        **_call_fields(name, fields),  # type: ignore[arg-type]
        menu=form_fields.text(pressed, "name"),
        digits=form_fields.text(pressed, "digits"),
        is_default=form_fields.flag(pressed, "default_behaviour"),
        is_phrase_over="COMPLETE" in said,
    )


def _message(name: str, fields: Mapping[str, str]) -> MessageReceived:
    result = form_fields.json_object(fields.get("result"))
    return MessageReceived(
        name=name,
        sender=form_fields.number(result, "caller_id"),
        did=form_fields.number(result, "caller_did"),
        text=form_fields.message_text(result, "text"),
    )


_CALL_EVENTS: Mapping[str, Callable[[str, Mapping[str, str]], CallEvent]] = {
    "NOTIFY_START": _plain(CallStarted),
    "NOTIFY_INTERNAL": _of_a_colleague(ExtensionRang),
    "NOTIFY_INTERNAL_END": _of_a_colleague(ExtensionStopped),
    "NOTIFY_ANSWER": _of_a_colleague(CallAnswered),
    "NOTIFY_END": _plain(CallEnded),
    "NOTIFY_OUT_START": _plain(OutgoingStarted),
    "NOTIFY_OUT_END": _plain(OutgoingEnded),
    "NOTIFY_RECORD": _plain(RecordingReady),
    "NOTIFY_IVR": _menu_choice,
}
