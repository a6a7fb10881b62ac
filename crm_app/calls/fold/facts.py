"""What the PBX, our users and our own timers say about a call: the vocabulary of facts."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
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
    """One thing that is said about one call.

    Numbers are E.164 ('+351…'), short digits, or '' when hidden or unknown; `caller_name` and
    `called_name` then say what stood in their place, and `dial_code` what was dialled around the
    number. `caller_other` and `called_other` are the second reading of a number that has two.
    `received_at` is our own clock, aware, in UTC; `pbx_time` is the PBX's start text, kept as it
    came; `is_undated` says that it is no exact time, so that nothing proves the call to be of now.

    What the office knew when the fact was stored is no part of its content: `extensions` are those
    of its short numbers that are ours (None in facts of before this was stored: then all are), and
    `numbers` those of its readings that a contact had. `own` are extensions by the PBX's own words.
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
    caller_name: str = ""
    called_name: str = ""
    caller_other: str = ""
    called_other: str = ""
    dial_code: str = ""
    own: frozenset[str] = field(default=frozenset(), compare=False)
    extensions: frozenset[str] | None = field(default=None, compare=False)
    numbers: frozenset[str] = field(default=frozenset(), compare=False)
    # Follows from `pbx_time`, by the words of the PBX.
    is_undated: bool = field(default=False, compare=False)
    # Of a row of the statistics: `pbx_time` by the account's clock as it was known then, in UTC.
    happened_at: datetime | None = field(default=None, compare=False)
    # Who brought it: "history" when the office loaded old calls.
    origin: str = field(default="", compare=False)
    # Made by the fold of a row of the statistics; never stored.
    is_estimated: bool = field(default=False, compare=False)

    @property
    def named(self) -> set[str]:
        """The extensions that the PBX itself calls so."""
        return {self.extension, self.last_extension, self.transfer_from, *self.own} - {""}

    @property
    def short_numbers(self) -> set[str]:
        """Its numbers of which only the office and the PBX's list can say whose they are."""
        sides = {number for number in (self.caller, self.called) if may_be_extension(number)}
        return sides - self.named

    @property
    def readings(self) -> tuple[str, ...]:
        """All that its numbers can be, where one of them can be two; nothing else."""
        pairs = ((self.caller, self.caller_other), (self.called, self.called_other))
        return tuple(number for pair in pairs if pair[1] for number in pair)

    def is_ours(self, number: str) -> bool:
        """Whether a number of this fact is an extension, as far as is known."""
        if not may_be_extension(number):
            return False
        return self.extensions is None or number in self.extensions or number in self.named

    @property
    def who(self) -> str:
        """The extension that acts in this fact, '' when none is named."""
        if self.extension:
            return self.extension
        return self.called if self.is_ours(self.called) else ""

    @property
    def others(self) -> tuple[str, ...]:
        """The extensions that are named beside the one that acts: who passed on, who calls."""
        named = {self.extension, self.last_extension, self.transfer_from}
        named |= {number for number in (self.caller, self.called) if self.is_ours(number)}
        return tuple(sorted(named - {"", self.who}))

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
            self.caller_name,
            self.called_name,
            self.caller_other,
            self.called_other,
            self.dial_code,
        )

    def content_key(self) -> str:
        """Name the content in 64 hex digits: a fact that is delivered twice has the same name."""
        # Empty fields are left out, so that a field added later does not rename older facts.
        values = {name: value for name, value in self._values().items() if name not in _NO_CONTENT}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Write the fact as JSON text for storage; `from_json` reads it back unchanged."""
        return json.dumps(self._values(), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a stored fact; names that this version does not know are ignored.

        Raises ValueError or KeyError when the text was not written by `to_json`.
        """
        data: dict[str, Any] = {k: v for k, v in json.loads(text).items() if k in _FIELDS}
        data["kind"] = FactKind(data["kind"])
        for name in _MOMENTS & data.keys():
            data[name] = datetime.fromisoformat(data[name])
        if "disposition" in data:
            data["disposition"] = Disposition(data["disposition"])
        if "own" in data:
            data["own"] = frozenset(data["own"])
        return cls(**data)

    def knowing(self, known: str | None) -> Self:
        """Add what was stored beside the fact, as JSON with `extensions` and `numbers`."""
        if not known:
            return self
        kept = json.loads(known)
        extensions, numbers = kept.get("extensions"), kept.get("numbers")
        return replace(
            self,
            extensions=frozenset(extensions or ()),
            numbers=frozenset(numbers or ()),
        )

    def _values(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _FIELDS}
        for name in _MOMENTS:
            values[name] = values[name].isoformat() if values[name] else ""
        values["own"] = sorted(self.own) or ""
        return {k: v for k, v in values.items() if v is not None and v != "" and v is not False}


# Kept beside the fact: what the office knew is no part of its content.
_KNOWN = {"extensions", "numbers", "is_estimated"}
_FIELDS = tuple(field.name for field in fields(Fact) if field.name not in _KNOWN)
_MOMENTS = {"received_at", "happened_at"}
_NO_CONTENT = {"received_at", "own", "is_undated", "happened_at", "origin"}


def as_read(facts: Iterable[Fact]) -> list[Fact]:
    """Let numbers that can be read in two ways be what a contact had when they were stored."""
    return [_as_read(fact) if fact.readings else fact for fact in facts]


def _as_read(fact: Fact) -> Fact:
    caller, called = (
        other if other in fact.numbers and number not in fact.numbers else number
        for number, other in ((fact.caller, fact.caller_other), (fact.called, fact.called_other))
    )
    return replace(fact, caller=caller, called=called)


def may_be_extension(number: str) -> bool:
    """Whether a number could be an extension: up to five digits, the first not zero."""
    return 0 < len(number) <= _LONGEST_EXTENSION and number.isdecimal() and number[0] != "0"


def is_own_leg(fact: Fact) -> bool:
    """Whether an outgoing fact is click-to-call ringing the user's own extension first."""
    return fact.is_ours(fact.called) and (
        fact.called == fact.extension or fact.leg == "callback_leg1"
    )
