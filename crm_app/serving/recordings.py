"""The jobs of recordings: what the package does, with the PBX to ask and the switches to obey."""

import threading
from datetime import datetime, timedelta
from typing import Any

from flask import current_app

from crm_app import clock
from crm_app.calls.fold.follow_ups import FollowUpKind
from crm_app.extensions import db
from crm_app.jobs.runner import Kind, NextStep, Payload
from crm_app.recordings import deleting, fetching, transcripts
from crm_app.recordings.store import Store
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.recordings.source import connected_account

# A file may take its time, and the worker has other work for its other threads.
_is_fetching = threading.Lock()
_COMES_BACK_IN = timedelta(seconds=1)
# As long as the source says; a deletion or a transcript would wait longer for its own sake.
_MAY_ASK_IN = timedelta(seconds=20)
_LEASE = timedelta(minutes=15)
_OTHERS_FETCH = "others fetch"


def _is_on(switch: str) -> bool:
    return TelephonySettings.current().switches.is_on(switch)


def _may_ask(switch: str) -> bool:
    """Read a switch before the PBX is asked, during which nothing of the database is held."""
    is_on = _is_on(switch)
    db.session.rollback()
    return is_on


def _store() -> Store:
    store: Store = current_app.extensions["recordings"]
    return store


def _later(payload: Payload, pause: timedelta | None, answer: Any) -> NextStep | None:
    """Go on after a pause; while the PBX may not be asked, the others need not try, either."""
    if pause is None:
        return None
    if getattr(answer, "was_asked", True):
        return NextStep(payload, pause)
    return NextStep(payload, _MAY_ASK_IN, others_wait=True)


def note(payload: Payload) -> None:
    """Note a recording that is known since a moment, if copies are kept."""
    if _is_on("record_copies"):
        fetching.note(payload["call"], payload.get("about", ""))


def fetch(payload: Payload) -> Any:
    """Fetch the file of a recording; one at a time in each process."""
    if not _is_fetching.acquire(blocking=False):
        return _OTHERS_FETCH
    try:
        return fetching.fetch(
            payload["recording"], connected_account(), _store(), is_wanted=_may_ask("record_copies")
        )
    finally:
        _is_fetching.release()


def keep(payload: Payload, fetched: Any) -> NextStep | None:
    """Store the result."""
    if fetched == _OTHERS_FETCH:
        return NextStep(payload, _COMES_BACK_IN, others_wait=True)
    pause = fetching.keep(payload["recording"], fetched)
    if isinstance(fetched, fetching.Fetched) and _is_on("transcripts"):
        transcripts.expect(payload["recording"])
    return _later(payload, pause, fetched)


def look_for(payload: Payload) -> Any:
    """Ask which recordings a call has, if copies are kept."""
    is_wanted = _may_ask("record_copies")
    return fetching.look_for(payload["call"], connected_account()) if is_wanted else ()


def note_found(payload: Payload, found: Any) -> NextStep | None:
    """Store what was found as facts of the call."""
    since = datetime.fromisoformat(payload.get("since", clock.now().isoformat()))
    tries = payload.get("tries", 0) + 1
    pause = fetching.note_found(payload["call"], found, tries, since)
    again = {**payload, "tries": tries, "since": since.isoformat()}
    return _later(again, pause, found)


def delete(payload: Payload) -> Any:
    """Delete a file here and in the PBX."""
    return deleting.delete(payload["recording"], connected_account(), _store())


def note_deletion(payload: Payload, answers: Any) -> NextStep | None:
    """Write both ends' answers into the receipt."""
    pause = deleting.note_answers(payload["recording"], answers)
    return _later(payload, pause, answers)


def retire(_payload: Payload) -> NextStep | None:
    """Delete recordings whose time is over, some in each step."""
    days = int(TelephonySettings.current().switches.retention_days)
    _store().forget_incoming()
    return NextStep({}) if deleting.retire(days) else None


def ask_for_speech(payload: Payload) -> Any:
    """Ask what was recognised in a recording, if that is wanted; None if not."""
    is_wanted = _may_ask("transcripts")
    return transcripts.ask(payload["recording"], connected_account()) if is_wanted else None


def keep_speech(payload: Payload, answer: Any) -> NextStep | None:
    """Store what was recognised."""
    if not _is_on("transcripts"):
        transcripts.forget_awaited(payload["recording"])
        return None
    pause = transcripts.keep(payload["recording"], answer)
    return _later(payload, pause, answer)


def hear_of_speech(payload: Payload) -> None:
    """Ask at once what was recognised, because the PBX says that it has done so."""
    if _is_on("transcripts"):
        transcripts.ask_now(payload["call"], payload["recording"])


KINDS = (
    Kind(FollowUpKind.RECORDED, note),
    Kind(fetching.FETCH, keep, fetch=fetch, lease=_LEASE),
    Kind(fetching.LOOK_FOR, note_found, fetch=look_for),
    Kind(deleting.DELETE, note_deletion, fetch=delete, lease=timedelta(minutes=2)),
    Kind("retire_recordings", retire, every=timedelta(hours=1)),
    Kind(transcripts.ASK, keep_speech, fetch=ask_for_speech),
    Kind(transcripts.RECOGNISED, hear_of_speech),
)
