"""What the PBX remembers of its calls: statistics and recordings."""

import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crm_app.simulator.scenarios import WALL_CLOCK, new_recording_id

_STATISTICS_WORDS = {"failed": "call failed"}


@dataclass(frozen=True, slots=True)
class Row:
    """A leg of a call as the statistics list it; `started_at` is aware, in UTC."""

    started_at: datetime
    answer: Mapping[str, object]


class History:
    """Rows and recordings of all calls that were played, announced or not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._rang: dict[str, list[str]] = {}
        self._recordings: dict[str, tuple[str, str]] = {}
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def note(self, fields: Mapping[str, str], utc_offset: timedelta) -> None:
        """Remember what a notification says, whether it reaches anybody or not."""
        call_id = fields.get("pbx_call_id", "")
        event = fields.get("event", "")
        with self._lock:
            if event == "NOTIFY_INTERNAL":
                self._rang.setdefault(call_id, []).append(fields.get("internal", ""))
            elif event in ("NOTIFY_END", "NOTIFY_OUT_END"):
                self._rows += _rows(fields, utc_offset, self._rang.pop(call_id, []))
            if event in ("NOTIFY_END", "NOTIFY_OUT_END", "NOTIFY_RECORD"):
                self._note_recording(fields)

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


def _rows(fields: Mapping[str, str], offset: timedelta, rang: list[str]) -> Iterator[Row]:
    local = datetime.strptime(fields["call_start"], WALL_CLOCK).replace(tzinfo=UTC)
    started_at = local - offset
    who = fields.get("last_internal") or fields.get("internal", "")
    disposition = fields["disposition"]
    root_id = fields.get("call_id_with_rec") or new_recording_id(started_at)
    base = {
        "callstart": fields["call_start"],
        "clid": fields.get("caller_id", ""),
        "destination": fields.get("destination") or fields.get("called_did", ""),
        "pbx_call_id": fields["pbx_call_id"],
    }
    yield Row(
        started_at,
        base
        | {
            "call_id": root_id,
            "sip": who or "0",
            "disposition": _STATISTICS_WORDS.get(disposition, disposition),
            "seconds": int(fields["duration"]),
            "is_recorded": "true" if fields.get("is_recorded") == "1" else "false",
        },
    )
    for extension in rang:
        if extension != who:
            missed = {"disposition": "cancel", "seconds": 0, "is_recorded": "false"}
            yield Row(started_at, base | missed | {"call_id": "", "sip": extension})
