"""What Zadarma's API answers, as typed values in our own words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from crm_app.telephony.zadarma.dispositions import Disposition, disposition_from
from crm_app.telephony.zadarma.events import direction_of
from crm_app.telephony.zadarma.party import extension_of

_NUMBER_IN_BRACKETS = re.compile(r"[(<]\s*(\+?[0-9]+)\s*[)>]\s*\Z")
_RUN_OF_DIGITS = re.compile(r"\+?[0-9]{3,}")
_WALL_CLOCK = "%Y-%m-%d %H:%M:%S"

Answer = Mapping[str, object]


class UnreadableReplyError(ValueError):
    """An answer lacks what it must have."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left on the account, in minor units (cents)."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class AccountClock:
    """The account's clock: Unix time beside the wall clock `YYYY-MM-DD HH:MM:SS`."""

    unix_time: int
    wall_clock: str
    zone: str

    @property
    def offset_seconds(self) -> int:
        """How far the wall clock is ahead of UTC, to the nearest quarter hour."""
        wall = datetime.strptime(self.wall_clock, _WALL_CLOCK).replace(tzinfo=UTC)
        return round((wall.timestamp() - self.unix_time) / 900) * 900


@dataclass(frozen=True, slots=True)
class ExtensionList:
    """The extensions of the account's PBX, as texts of digits."""

    pbx_id: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirectNumber:
    """A number of the account: digits with a plus.

    `status` is the API's word (`on`, `parking`, `checking`, …), `stops_at` a wall clock text.
    """

    number: str
    name: str
    status: str
    stops_at: str
    renews_itself: bool


@dataclass(frozen=True, slots=True)
class CallbackAccepted:
    """The PBX will ring the extension first; it gives no id for the call to come."""

    unix_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsLeg:
    """One row of the statistics: a leg; legs of a call share `pbx_call_id`.

    `started` is a wall clock text; `recording_id` is empty on all but the root leg. `caller` is a
    number, an extension or a word; `called` our line, an extension or whom we called.
    """

    pbx_call_id: str
    recording_id: str
    extension: str
    started: str
    caller: str
    called: str
    disposition: Disposition
    disposition_raw: str
    talk_seconds: int
    is_recorded: bool

    @property
    def direction(self) -> Literal["", "inbound", "outbound"]:
        """Which way the call runs, by its id."""
        return direction_of(self.pbx_call_id)


@dataclass(frozen=True, slots=True)
class StatisticsPage:
    """A page of legs; `row_count` includes rows that cannot be read."""

    legs: tuple[StatisticsLeg, ...]
    row_count: int


@dataclass(frozen=True, slots=True)
class RecordingLinks:
    """Where sound files can be fetched, until a wall clock text."""

    links: tuple[str, ...]
    valid_until: str


@dataclass(frozen=True, slots=True)
class SpokenPhrase:
    """Words that were said on one channel (from 1; 0 unknown), with their time in seconds."""

    start: float
    end: float
    text: str
    channel: int


@dataclass(frozen=True, slots=True)
class RecognisedSpeech:
    """What was recognised in a recording, or in the API's words how far that is."""

    status: str
    language: str
    phrases: tuple[SpokenPhrase, ...]


@dataclass(frozen=True, slots=True)
class Notifications:
    """Which call notifications the PBX sends."""

    call_started: bool = True
    extension_rang: bool = True
    call_answered: bool = True
    call_ended: bool = True
    outgoing_started: bool = True
    outgoing_ended: bool = True

    @classmethod
    def from_answer(cls, flags: object) -> "Notifications":
        """Read the six flags; an absent one is off."""
        given = flags if isinstance(flags, Mapping) else {}
        return cls(**{ours: flag(given, theirs) for ours, theirs in _FLAG_NAMES.items()})

    def to_params(self) -> dict[str, str]:
        """Write the six flags as the API wants them."""
        return {
            theirs: "true" if getattr(self, ours) else "false"
            for ours, theirs in _FLAG_NAMES.items()
        }


_FLAG_NAMES = {
    "call_started": "notify_start",
    "extension_rang": "notify_internal",
    "call_answered": "notify_answer",
    "call_ended": "notify_end",
    "outgoing_started": "notify_out_start",
    "outgoing_ended": "notify_out_end",
}


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where the PBX posts call notifications (empty: nowhere), and which."""

    url: str
    notifications: Notifications


@dataclass(frozen=True, slots=True)
class Hooks:
    """Which other events the PBX sends; none of them is about a ringing phone."""

    number_lookup: bool = True
    call_tracking: bool = True
    sms: bool = True
    speech_recognition: bool = True

    @classmethod
    def from_answer(cls, flags: object) -> "Hooks":
        """Read the four flags; an absent one is off."""
        given = flags if isinstance(flags, Mapping) else {}
        return cls(**{name: flag(given, name) for name in cls.__slots__})

    def to_params(self) -> dict[str, str]:
        """Write the four flags as the API wants them."""
        return {name: "true" if getattr(self, name) else "false" for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class EventsAddress:
    """Where the PBX posts other events (empty: nowhere), and which."""

    url: str
    hooks: Hooks


def balance(answer: Answer) -> Balance:
    """Read the balance."""
    return Balance(round(_decimal(answer, "balance") * 100), text(answer, "currency"))


def account_clock(answer: Answer) -> AccountClock:
    """Read the account's clock."""
    wall_clock = text(answer, "datetime")
    try:
        datetime.strptime(wall_clock, _WALL_CLOCK).replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableReplyError("The account's time is not readable.") from None
    return AccountClock(whole(answer, "unixtime"), wall_clock, text(answer, "timezone"))


def extension_list(answer: Answer) -> ExtensionList:
    """Read the list of extensions."""
    numbers = answer.get("numbers")
    if not isinstance(numbers, list):
        raise UnreadableReplyError("The list of extensions is missing.")
    known = (extension_of(str(number)) for number in numbers)
    return ExtensionList(text(answer, "pbx_id"), tuple(number for number in known if number))


def direct_numbers(answer: Answer) -> tuple[DirectNumber, ...]:
    """Read the numbers of the account."""
    rows = answer.get("info")
    if not isinstance(rows, list):
        raise UnreadableReplyError("The list of numbers is missing.")
    read = (_direct_number(row) for row in rows if isinstance(row, Mapping))
    return tuple(one for one in read if one.number != "+")


def callback_accepted(answer: Answer) -> CallbackAccepted:
    """Read the acceptance of a call between an extension and a number."""
    try:
        return CallbackAccepted(whole(answer, "time"))
    except UnreadableReplyError:
        # The call has been placed whatever the clock says, so this must not look like a failure.
        return CallbackAccepted(0)


def statistics_page(answer: Answer) -> StatisticsPage:
    """Read a page of the statistics; rows without a call id are left out."""
    rows = answer.get("stats")
    if not isinstance(rows, list):
        raise UnreadableReplyError("The statistics are missing.")
    readable = (row for row in rows if isinstance(row, Mapping) and text(row, "pbx_call_id"))
    return StatisticsPage(tuple(leg_of(row) for row in readable), len(rows))


def recording_links(answer: Answer) -> RecordingLinks:
    """Read the links of a call's recordings, whichever of two keys they came under."""
    many = answer.get("links")
    found = many if isinstance(many, list) else []
    links = dict.fromkeys(str(link) for link in [answer.get("link"), *found] if link)
    return RecordingLinks(tuple(links), text(answer, "lifetime_till"))


def recognised_speech(answer: Answer) -> RecognisedSpeech:
    """Read recognised words as phrases, in the order of their time; those without time come last.

    `words` holds the words of each phrase, `phrases` their text alone.
    """
    rows = _rows(answer, "words")
    phrases = [phrase for row in rows if (phrase := _phrase(row)) is not None]
    if not phrases:
        phrases = [
            SpokenPhrase(0.0, 0.0, text(row, "result"), _channel(row))
            for row in _rows(answer, "phrases")
            if text(row, "result")
        ]
    ordered = sorted(phrases, key=lambda phrase: phrase.start)
    status = text(answer, "recognitionStatus").casefold()
    return RecognisedSpeech(
        status or ("recognized" if ordered else ""), text(answer, "lang"), tuple(ordered)
    )


def _rows(answer: Answer, name: str) -> list[Answer]:
    found = answer.get(name)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _phrase(row: Answer) -> SpokenPhrase | None:
    words = sorted(_rows(row, "result"), key=lambda word: _moment(word, "s"))
    said = " ".join(filter(None, (text(word, "w") for word in words)))
    if not said:
        return None
    end = max(_moment(word, "e") for word in words)
    return SpokenPhrase(_moment(words[0], "s"), end, said, _channel(row))


def _moment(word: Answer, name: str) -> float:
    try:
        return float(_decimal(word, name))
    except UnreadableReplyError:
        return 0.0


def _channel(row: Answer) -> int:
    value = text(row, "channel")
    return int(value) if value in ("1", "2") else 0


def webhook_address(answer: Answer) -> WebhookAddress:
    """Read where and what the PBX posts."""
    return WebhookAddress(
        text(answer, "url"), Notifications.from_answer(answer.get("notifications"))
    )


def events_address(answer: Answer) -> EventsAddress:
    """Read where and which other events the PBX posts."""
    return EventsAddress(text(answer, "url"), Hooks.from_answer(answer.get("hooks")))


def text(answer: Answer, name: str) -> str:
    """Take a value as text, empty if absent."""
    value = answer.get(name)
    return "" if value is None else str(value).strip()


def flag(answer: Answer, name: str) -> bool:
    """Take a value as yes or no, in any spelling the API uses."""
    return text(answer, name).casefold() in {"1", "true", "yes", "on"}


def whole(answer: Answer, name: str) -> int:
    """Take a value as a whole number.

    Raises UnreadableReplyError if it is none.
    """
    return int(_decimal(answer, name))


def _decimal(answer: Answer, name: str) -> Decimal:
    try:
        value = Decimal(text(answer, name))
    except InvalidOperation:
        raise UnreadableReplyError(f"{name} is not a number.") from None
    if not value.is_finite() or abs(value) > 10**12:
        raise UnreadableReplyError(f"{name} is out of range.")
    return value


def _direct_number(row: Answer) -> DirectNumber:
    digits = "".join(sign for sign in text(row, "number") if sign.isdecimal())
    return DirectNumber(
        number=f"+{digits}",
        name=text(row, "number_name") or text(row, "description"),
        status=text(row, "status"),
        stops_at=text(row, "stop_date"),
        renews_itself=flag(row, "autorenew"),
    )


def leg_of(row: Answer) -> StatisticsLeg:
    """Read one row of the statistics, whatever types its values have."""
    seconds = text(row, "seconds").partition(".")[0]
    return StatisticsLeg(
        pbx_call_id=text(row, "pbx_call_id"),
        recording_id=text(row, "call_id"),
        extension=extension_of(text(row, "sip")),
        started=text(row, "callstart"),
        caller=_number_in(text(row, "clid")),
        called="".join(text(row, "destination").split()),
        disposition=disposition_from(text(row, "disposition")),
        disposition_raw=text(row, "disposition"),
        talk_seconds=int(seconds) if seconds.isdecimal() and len(seconds) < 7 else 0,
        is_recorded=flag(row, "is_recorded"),
    )


def _number_in(caller: str) -> str:
    """Find the number in `48...`, `Name (48...)`, `"Name" <+48...>` and `"+48..." <+48...>`."""
    bracketed = _NUMBER_IN_BRACKETS.search(caller)
    if bracketed:
        return bracketed[1]
    runs = _RUN_OF_DIGITS.findall(caller)
    # Written twice without brackets, it is still one number.
    if len(runs) > 1 and len({run.lstrip("+") for run in runs}) == 1:
        return str(runs[0])
    return "".join(caller.split())
