"""What the PBX remembers of its calls: statistics and recordings."""

import hashlib
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from crm_app.clock import now
from crm_app.simulator.account import extension_of
from crm_app.simulator.scenarios import WALL_CLOCK, new_recording_id

_STATISTICS_WORDS = {"failed": "call failed"}


@dataclass(frozen=True, slots=True)
class Row:
    """A leg of a call as the statistics list it; `started_at` is aware, in UTC."""

    started_at: datetime
    answer: Mapping[str, object]


@dataclass(slots=True)
class Rang:
    """Which phones of a call rang, and which were picked up one after the other."""

    rang: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)


class History:
    """Rows and recordings of all calls that were played, announced or not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._rang: dict[str, Rang] = {}
        self._recordings: dict[str, tuple[str, str]] = {}
        self._recorded_at: dict[str, datetime] = {}
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def note(
        self, fields: Mapping[str, str], utc_offset: timedelta, *, has_quirks: bool = False
    ) -> None:
        """Remember what a notification says, whether it reaches anybody or not."""
        call_id = fields.get("pbx_call_id", "")
        event = fields.get("event", "")
        with self._lock:
            if event == "NOTIFY_INTERNAL":
                self._rang.setdefault(call_id, Rang()).rang.append(fields.get("internal", ""))
            elif event == "NOTIFY_ANSWER" and call_id.startswith("in_"):
                who = fields.get("internal") or extension_of(fields.get("destination", ""))
                self._rang.setdefault(call_id, Rang()).answered.append(who)
            elif event in ("NOTIFY_END", "NOTIFY_OUT_END"):
                rang = self._rang.pop(call_id, Rang())
                rows = list(_rows(fields, utc_offset, rang))
                self._rows += _with_quirks(rows) if has_quirks else rows
            if event in ("NOTIFY_END", "NOTIFY_OUT_END", "NOTIFY_RECORD"):
                self._note_recording(fields)

    def add(self, rows: Iterable[Row]) -> None:
        """Add legs of calls of which no notification was ever sent."""
        with self._lock:
            self._rows += rows

    def rows(self, start: datetime, end: datetime, call_type: str = "") -> list[Row]:
        """List the legs that began in a time, oldest first; `call_type` is in, out or empty."""
        with self._lock:
            found = [row for row in self._rows if start <= row.started_at <= end]
        wanted = [row for row in found if str(row.answer["pbx_call_id"]).startswith(call_type)]
        return sorted(wanted, key=lambda row: row.started_at)

    def recordings_of(self, recording_id: str, pbx_call_id: str) -> list[str]:
        """List ids of recordings, by one id or by their call."""
        with self._lock:
            if recording_id:
                return [recording_id] if recording_id in self._recordings else []
            return [key for key, (call, _) in self._recordings.items() if call == pbx_call_id]

    def recorded_at(self, recording_id: str) -> datetime:
        """Say when a recording was made."""
        with self._lock:
            return self._recorded_at[recording_id]

    def recording_of(self, token: str) -> str:
        """Return the recording that a link leads to, "" if there is no such link."""
        with self._lock:
            return self._tokens.get(token, ("", None))[0]

    def make_link(self, recording_id: str, until: datetime, started: datetime) -> str:
        """Make a secret path under which a recording can be fetched for a time."""
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._tokens[token] = (recording_id, until)
            _, extension = self._recordings[recording_id]
        name = f"1-{recording_id}-{extension or '0'}-{started:%Y-%m-%d-%H%M%S}.mp3"
        return f"/v1/pbx/record/download/{token}/{name}"

    def is_link_valid(self, token: str, at: datetime) -> bool:
        """Check that a link has not expired."""
        with self._lock:
            _, until = self._tokens.get(token, ("", datetime.min.replace(tzinfo=UTC)))
        return at <= until

    def _note_recording(self, fields: Mapping[str, str]) -> None:
        recording_id = fields.get("call_id_with_rec", "")
        if recording_id:
            extension = fields.get("last_internal") or fields.get("internal", "")
            self._recordings.setdefault(recording_id, (fields["pbx_call_id"], extension))
            self._recorded_at.setdefault(recording_id, now())


def _rows(fields: Mapping[str, str], offset: timedelta, phones: Rang) -> Iterator[Row]:
    local = datetime.strptime(fields["call_start"], WALL_CLOCK).replace(tzinfo=UTC)
    started_at = local - offset
    talked = _talked(fields, phones)
    who = talked[0] if talked else fields.get("internal", "")
    disposition = fields["disposition"]
    root_id = fields.get("call_id_with_rec") or new_recording_id(started_at)
    base = {
        "callstart": fields["call_start"],
        "clid": fields.get("caller_id", ""),
        "destination": fields.get("destination") or fields.get("called_did", ""),
        "pbx_call_id": fields["pbx_call_id"],
    }
    seconds = _shares(int(fields["duration"]), max(len(talked), 1))
    yield Row(
        started_at,
        base
        | {
            "call_id": root_id,
            "sip": who or "0",
            "disposition": _STATISTICS_WORDS.get(disposition, disposition),
            "seconds": seconds[0],
            "is_recorded": "true" if fields.get("is_recorded") == "1" else "false",
        },
    )
    rest = {"call_id": "", "is_recorded": "false"}
    for place, extension in enumerate(talked[1:], 1):
        # A call that is passed on begins a leg of its own.
        passed_on = local + timedelta(seconds=sum(seconds[:place]))
        leg = {"destination": extension, "sip": extension, "seconds": seconds[place]}
        leg |= {"disposition": "answered", "callstart": passed_on.strftime(WALL_CLOCK)}
        yield Row(passed_on - offset, base | rest | leg)
    for extension in dict.fromkeys(phones.rang):
        if extension not in (who, *talked):
            leg = {"sip": extension, "disposition": "cancel", "seconds": 0}
            yield Row(started_at, base | rest | leg)


def _talked(fields: Mapping[str, str], phones: Rang) -> list[str]:
    """List who had the call, one after the other; the end of a call knows the last one best."""
    if fields["disposition"] != "answered":
        return []
    last = fields.get("last_internal") or fields.get("internal", "")
    talked = [one for one in dict.fromkeys(phones.answered) if one and one != last]
    return [*talked, last] if last else talked


def _shares(seconds: int, legs: int) -> list[int]:
    """Divide a talk among those who had it: together they are the whole."""
    part = seconds // legs
    return [part] * (legs - 1) + [seconds - part * (legs - 1)]


def _with_quirks(rows: list[Row]) -> Iterator[Row]:
    """Write the rows of a call in one of the ways that are seen, always the same for a call."""
    for row in rows:
        answer = dict(row.answer)
        call_id = str(answer["pbx_call_id"])
        turn = hashlib.sha256(call_id.encode()).digest()[0]
        if call_id.startswith("in_"):
            answer["clid"] = _clid(str(answer["clid"]), turn)
        elif answer["sip"] != "0":
            ext = answer["sip"]
            # The name of the extension, or only the number that the client sees.
            answer["clid"] = f"Phone {ext} ({ext})" if turn % 2 else answer["clid"]
        if str(answer["destination"]).isdecimal() and turn % 3 == 0:
            answer["destination"] = int(str(answer["destination"]))
        if answer["call_id"]:
            answer["is_recorded"] = _yes_or_no(answer["is_recorded"] == "true", turn)
        yield Row(row.started_at, answer)
    root = rows[0].answer
    if str(root["pbx_call_id"]).startswith("out_") and turn % 8 == 0:
        # A foreign trunk lists its side as a call of its own, without an id.
        phantom = {"pbx_call_id": f"out_{secrets.token_hex(20)}", "call_id": "", "sip": "0"}
        yield Row(rows[0].started_at, dict(root) | phantom)


def _clid(caller: str, turn: int) -> str:
    digits = caller.lstrip("+")
    if not digits.isdecimal() or len(digits) < 6:
        return caller
    ways = (digits, f"Ana Sousa ({digits})", f'"Loja" <+{digits}>', f'"+{digits}" <+{digits}>')
    return ways[turn % len(ways)]


def _yes_or_no(value: bool, turn: int) -> object:
    words = ((False, "false", "0", 0), (True, "true", "1", 1))[value]
    return words[turn % len(words)]
