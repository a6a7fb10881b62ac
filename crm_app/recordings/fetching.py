"""From "there is a recording" to a file that can be played: noted, fetched, examined, kept.

`fetch` and `look_for` use the network and open no transaction of their own; the others write, and
their caller commits.
"""

import errno
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.live.screen_updates import after_commit
from crm_app.recordings import audio, deleting
from crm_app.recordings.models import Recording, State
from crm_app.recordings.source import Reason, Source, SourceError, is_pbx_id, links_beside
from crm_app.recordings.store import Store

FETCH, LOOK_FOR = "fetch_recording", "look_for_recordings"
# The PBX has a file some 40 s after the end of its call (zadarma: NOTIFY_END). These are the pauses
# before each try: at 40, 60, 90 and 120 s, and then for less than three days.
PAUSES_S = (
    40, 20, 30, 30, 60, 120, 240, 480, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 43_200, 86_400
)  # fmt: skip
# What came and was no sound may have been half a file: it is asked for again this often.
TRIES_OF_RUBBISH = 4
# The PBX keeps files in a ring: what is not there of such an old call will not come any more.
OLD = timedelta(days=3)
TRIES_OF_OLD = 2
# What has nothing to do with the file is waited for longer, but not for ever.
WAITS_AT_MOST = timedelta(days=14)
MOST_BYTES = 100 * 1024 * 1024
# By then the PBX has every file of a call that was handed on, and has announced most.
OTHERS_AFTER = timedelta(minutes=5)
_RUBBISH = frozenset({Reason.NOT_AUDIO, Reason.EMPTY})
_FINAL = frozenset({Reason.TOO_LARGE, Reason.WRONG_ID, Reason.GONE, Reason.SWITCHED_OFF})
_NOT_OF_THE_FILE = frozenset(
    {Reason.BUSY, Reason.UNREACHABLE, Reason.NOT_CONNECTED, Reason.DISK_FULL, Reason.STORE}
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that lies in its place.

    `found_id` is by which the PBX has it, "" where its link does not say; `others` are recordings
    of the call that it has not named.
    """

    name: str
    size: int
    sha256: str
    sound: audio.Sound
    found_id: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFetched:
    """Why there is none; `retry_after` is in seconds, `was_asked` as in SourceError."""

    reason: Reason
    retry_after: float | None = None
    was_asked: bool = True

    @classmethod
    def because(cls, error: SourceError) -> "NotFetched":
        """Take over what a source says."""
        return cls(error.reason, error.retry_after, error.was_asked)


def note(pbx_call_id: str, recording_id: str, *, is_by_hand: bool = False) -> None:
    """Note that a call has a recording, and that it is to be fetched once it can be ready.

    With the id "" the PBX has said only that there is one, which is then found by its call; or, of
    a call with others, that there may be more.
    """
    call = db.session.scalar(select(Call).where(Call.pbx_call_id == pbx_call_id))
    if call is None:
        return
    ended_at = call.ended_at or clock.now()
    if not recording_id and call.recordings:
        key, due_at = f"{LOOK_FOR}:{pbx_call_id}", max(clock.now(), ended_at + OTHERS_AFTER)
        jobs.enqueue(db.session, LOOK_FOR, {"call": pbx_call_id}, key=key, due_at=due_at)
        return
    rows = db.session.scalars(Recording.of(call.id)).all()
    if any(recording_id in ("", row.recording_id, row.found_id) for row in rows):
        return
    unnamed = next((row for row in rows if not row.pbx_id), None)
    if unnamed is not None:
        _name(unnamed, recording_id)
        return
    ready_at = max(clock.now(), ended_at + timedelta(seconds=PAUSES_S[0]))
    values = {"call_id": call.id, "recording_id": recording_id}
    more = {"recorded_at": call.started_at, "next_try_at": ready_at, "is_by_hand": is_by_hand}
    database.add_missing(db.session, Recording, **values, **more)
    _enqueue(db.session.scalars(select(Recording.id).filter_by(**values)).one(), ready_at)
    audience.announce_in_lists(call)


def _name(row: Recording, recording_id: str) -> None:
    """Let the PBX name what it had only said to be there."""
    database.for_update(db.session, row)
    row.found_id = recording_id
    if row.state == State.DELETED:
        deleting.delete_late_name(row)
    elif row.state != State.READY:
        _begin_again(row)


def _enqueue(row_id: int, due_at: datetime) -> None:
    key = f"{FETCH}:{row_id}"
    jobs.enqueue(db.session, FETCH, {"recording": row_id}, key=key, due_at=due_at)


def try_again(recording: Recording) -> None:
    """Ask for a recording once more now, as often as at first, whether copies are made or not."""
    database.for_update(db.session, recording)
    if recording.state in (State.PENDING, State.FAILED):
        recording.is_by_hand = True
        _begin_again(recording)


def _begin_again(row: Recording) -> None:
    now = clock.now()
    row.state, row.reason, row.tries = State.PENDING, "", 0
    row.noted_at = row.next_try_at = now
    _enqueue(row.id, now)
    jobs.hasten(f"{FETCH}:{row.id}")
    audience.announce_in_lists(row.call)


def fetch(
    row_id: int, source: Source, store: Store, *, is_wanted: bool = True
) -> Fetched | NotFetched | None:
    """Fetch the file of a recording into its place; None when it is not awaited any more.

    Without `is_wanted`, only what somebody asked for by hand.
    """
    with database.reading():
        row = db.session.get(Recording, row_id, options=[joinedload(Recording.call)])
        if row is None or row.state != State.PENDING:
            return None
        wanted, call, at = row.pbx_id, row.call.pbx_call_id, row.recorded_at
        taken, is_wanted = row.ids_of_others(), is_wanted or row.is_by_hand
        db.session.rollback()
    if not is_wanted:
        return NotFetched(Reason.SWITCHED_OFF)
    try:
        (found_id, link), *others = _links(source, wanted, call, taken)
        fetched = _download(source, link, store, f"{at:%Y/%m}/{row_id}")
        more = tuple(name for name, _link in others if name)
        return replace(fetched, found_id=found_id, others=more)
    except SourceError as error:
        return NotFetched.because(error)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return NotFetched(Reason.DISK_FULL if is_full else Reason.STORE)


def _links(source: Source, wanted: str, pbx_call_id: str, taken: set[str]) -> list[tuple[str, str]]:
    """Ask where a recording is; under an id that is none of the PBX's recordings, by its call.

    An id of another list is answered like a recording that does not exist, so that answer alone
    does not say that the recording is gone.
    """
    if is_pbx_id(wanted):
        return [(wanted, source.link(wanted))]
    try:
        return links_beside(source, pbx_call_id, taken)
    except SourceError as error:
        if error.reason is Reason.NOT_THERE and wanted:
            raise SourceError(Reason.WRONG_ID) from None
        raise


def _download(source: Source, link: str, store: Store, name: str) -> Fetched:
    path = store.new_file(name)
    try:
        with path.open("w+b") as file:
            source.download(link, file, MOST_BYTES)
            size = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            ending = audio.kind_of(file.read(12))
        if not ending:
            raise SourceError(Reason.NOT_AUDIO if size else Reason.EMPTY)
        path = path.rename(path.with_name(path.name + ending))
        sound = audio.examine(path)
        store.put(path, name + ending)
        return Fetched(name + ending, size, digest, sound)
    finally:
        path.unlink(missing_ok=True)


def keep(row_id: int, result: Fetched | NotFetched | None) -> timedelta | None:
    """Store the result of a try; return when to try again, if so."""
    row = db.session.get(Recording, row_id, with_for_update=True, populate_existing=True)
    if row is not None and isinstance(result, Fetched):
        row.found_id = "" if result.found_id == row.recording_id else result.found_id[:120]
        if row.state == State.DELETED:
            deleting.delete_late_file(row, result.name)
    if row is None or result is None or row.state != State.PENDING:
        return None
    pause, before = None, (row.state, row.reason)
    if isinstance(result, Fetched):
        row.state, row.reason, row.next_try_at = State.READY, "", None
        row.name, row.size, row.sha256 = result.name, result.size, result.sha256
        row.seconds, row.peaks = result.sound.seconds, result.sound.peaks
        row.media_type, row.is_stereo = result.sound.media_type, result.sound.is_stereo
        row.fetched_at = clock.now()
        if not row.recording_id:
            _tell(row.call.pbx_call_id, (row.found_id, *result.others))
    else:
        pause = _note_failure(row, result)
    # Screens that hear of each try would ask for the same again.
    if (row.state, row.reason) != before:
        audience.announce_in_lists(row.call)
    return pause


def _note_failure(row: Recording, result: NotFetched) -> timedelta | None:
    now = clock.now()
    if result.reason not in _NOT_OF_THE_FILE:
        row.tries += 1
    pause = pause_after(result, row.tries, now - row.noted_at, now - row.recorded_at)
    if pause is None:
        row.state, row.next_try_at = State.FAILED, None
        is_gone = result.reason is Reason.NOT_THERE
        row.reason = Reason.GONE if is_gone else result.reason
        return None
    row.reason, row.next_try_at = result.reason, now + pause
    return pause


def pause_after(
    result: NotFetched, tries: int, waiting: timedelta, age: timedelta
) -> timedelta | None:
    """Say how long to wait before the next try, None to give up.

    `tries` are those that were answered about the file, `waiting` is since when it is awaited, and
    `age` that of its call.
    """
    if result.reason in _FINAL:
        return None
    if result.reason in _NOT_OF_THE_FILE:
        seconds = result.retry_after or min(max(waiting.total_seconds() / 4, 20), 3600)
        return timedelta(seconds=seconds) if waiting < WAITS_AT_MOST else None
    most = TRIES_OF_RUBBISH if result.reason in _RUBBISH else len(PAUSES_S)
    if age > OLD and waiting < OLD and result.reason is Reason.NOT_THERE:
        most = TRIES_OF_OLD
    return timedelta(seconds=PAUSES_S[tries]) if tries < min(most, len(PAUSES_S)) else None


def look_for(pbx_call_id: str, source: Source) -> tuple[str, ...] | NotFetched:
    """Ask which recordings a call has, where the PBX may have named not all."""
    try:
        return tuple(name for name, _link in source.links_of(pbx_call_id) if name)
    except SourceError as error:
        return NotFetched.because(error)


def note_found(
    pbx_call_id: str, found: tuple[str, ...] | NotFetched, tries: int, since: datetime
) -> timedelta | None:
    """Store the recordings that were found as facts; return when to look again, if so."""
    if isinstance(found, NotFetched):
        waiting = clock.now() - since
        return pause_after(found, tries, waiting, waiting)
    _tell(pbx_call_id, found)
    return None


def _tell(pbx_call_id: str, names: Iterable[str]) -> None:
    """Store recordings that were found as facts of their call."""
    for name in filter(None, names):
        fact = Fact(FactKind.RECORDED, pbx_call_id, clock.now(), recording_id=name[:120])
        recorded = ledger.record(db.session.connection(), fact, "")
        for users, message in audience.messages(recorded):
            after_commit(users, message)
