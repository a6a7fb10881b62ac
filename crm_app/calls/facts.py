"""What the PBX, our users and our own timers have told us about a call: the vocabulary of facts."""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

_LONGEST_EXTENSION = 5


class FactKind(StrEnum):
    """What one fact says happened."""

    STARTED = "started"
    RANG = "rang"
    STOPPED_RINGING = "stopped_ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    OUTGOING_STARTED = "outgoing_started"
    OUTGOING_ENDED = "outgoing_ended"
    MENU = "menu"
    RECORDED = "recorded"
    REFUSED = "refused"
    DIALLED = "dialled"
    SWEPT = "swept"
    LISTED = "listed"


class Disposition(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    NO_MONEY = "no_money"
    LIMIT = "limit"
    UNALLOCATED = "unallocated"
    UNFINISHED = "unfinished"


class Direction(StrEnum):
    """Which side began the call."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class CallPhase(StrEnum):
    """Where a live call is."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing we were told about one call.

    Numbers are E.164 ('+351…'), extension digits, or '' when hidden or not told. `received_at` is
    our own clock, aware, in UTC; `pbx_time` is the PBX's start text, kept as it came.
    """

    kind: FactKind
    pbx_call_id: str
    received_at: datetime
    caller: str = ""
    called: str = ""
    did: str = ""
    extension: str = ""
    last_extension: str = ""
    transfer_from: str = ""
    disposition: Disposition | None = None
    disposition_raw: str = ""
    talk_seconds: int | None = None
    recording_id: str = ""
    is_recorded: bool = False
    leg: str = ""
    pbx_time: str = ""
    menu_choice: str = ""

    @property
    def who(self) -> str:
        """The extension that acts in this fact, '' when none is named."""
        if self.extension:
            return self.extension
        return self.called if is_extension(self.called) else ""

    @property
    def others(self) -> tuple[str, ...]:
        """The extensions that are named beside the one that acts: who passed on, who calls."""
        told = {self.extension, self.last_extension, self.transfer_from}
        told |= {number for number in (self.caller, self.called) if is_extension(number)}
        return tuple(sorted(told - {"", self.who}))

    @property
    def content(self) -> tuple[str, ...]:
        """Everything except the time of arrival, as text that can be compared and sorted."""
        return (
            self.kind,
            self.pbx_call_id,
            self.caller,
            self.called,
            self.did,
            self.extension,
            self.last_extension,
            self.transfer_from,
            self.disposition or "",
            self.disposition_raw,
            "" if self.talk_seconds is None else str(self.talk_seconds),
            self.recording_id,
            "1" if self.is_recorded else "",
            self.leg,
            self.pbx_time,
            self.menu_choice,
        )

    def content_key(self) -> str:
        """Name the content in 64 hex digits: a fact that is delivered twice has the same name."""
        # Empty fields are left out, so that a field added later does not rename older facts.
        told = {name: value for name, value in self._told().items() if name != "received_at"}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Write the fact as JSON text for storage; `from_json` reads it back unchanged."""
        return json.dumps(self._told(), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a stored fact; names that this version does not know are ignored.

        Raises ValueError or KeyError when the text was not written by `to_json`.
        """
        data: dict[str, Any] = {k: v for k, v in json.loads(text).items() if k in _FIELDS}
        data["kind"] = FactKind(data["kind"])
        data["received_at"] = datetime.fromisoformat(data["received_at"])
        if "disposition" in data:
            data["disposition"] = Disposition(data["disposition"])
        return cls(**data)

    def _told(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in _FIELDS}
        told["received_at"] = self.received_at.isoformat()
        return {k: v for k, v in told.items() if v is not None and v != "" and v is not False}


_FIELDS = tuple(field.name for field in fields(Fact))


def is_extension(number: str) -> bool:
    """Tell whether a number is one of our own side: up to five digits, the first not zero."""
    return 0 < len(number) <= _LONGEST_EXTENSION and number.isdecimal() and number[0] != "0"


def is_own_leg(fact: Fact) -> bool:
    """Tell whether an outgoing fact is click-to-call ringing the user's own extension first."""
    return is_extension(fact.called) and (
        fact.called == fact.extension or fact.leg == "callback_leg1"
    )
