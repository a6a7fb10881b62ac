"""From "there is a recording" to a file that can be played: noted, fetched, examined, kept.

`fetch` and `look_for` use the network and open no transaction of their own; the others write, and
their caller commits.
"""

import errno
import hashlib
import re
from dataclasses import dataclass
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
from crm_app.recordings.source import Reason, Source, SourceError
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
# The PBX's own id: seconds, a dot and a number; other ids come from other lists.
_PBX_ID = re.compile(r"\d{9,11}\.\d+")
_RUBBISH = frozenset({Reason.NOT_AUDIO, Reason.EMPTY})
_FINAL = frozenset({Reason.TOO_LARGE, Reason.WRONG_ID, Reason.GONE})
_NOT_OF_THE_FILE = frozenset(
    {Reason.BUSY, Reason.UNREACHABLE, Reason.NOT_CONNECTED, Reason.DISK_FULL, Reason.STORE}
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that lies in its place."""

    name: str
    size: int
    sha256: str
    sound: audio.Sound


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


def note(pbx_call_id: str, recording_id: str) -> None:
    """Note that a call has a recording, and that it is to be fetched once it can be ready.

    With the id "" the PBX has said only that there is one: then it is looked for.
    """
    call = db.session.scalar(select(Call).where(Call.pbx_call_id == pbx_call_id))
    if call is None:
        return
    ready_at = max(clock.now(), (call.ended_at or clock.now()) + timedelta(seconds=PAUSES_S[0]))
    if not recording_id:
        if not call.recording_count:
            payload = {"call": pbx_call_id}
            jobs.enqueue(
                db.session, LOOK_FOR, payload, key=f"{LOOK_FOR}:{pbx_call_id}", due_at=ready_at
            )
        return
    values = {"call_id": call.id, "recording_id": recording_id}
    is_known = select(Recording.id).filter_by(**values)
    if db.session.scalar(is_known) is not None:
        return
    database.add_missing(
        db.session, Recording, recorded_at=call.started_at, next_try_at=ready_at, **values
    )
    row_id = db.session.scalars(is_known).one()
    _enqueue(row_id, ready_at)
    audience.announce_in_lists(call)


def _enqueue(row_id: int, due_at: datetime) -> None:
    key = f"{FETCH}:{row_id}"
    jobs.enqueue(db.session, FETCH, {"recording": row_id}, key=key, due_at=due_at)


def try_again(recording: Recording) -> None:
    """Ask for a recording once more now, as often as at first."""
    database.for_update(db.session, recording)
    if recording.state not in (State.PENDING, State.FAILED):
        return
    now = clock.now()
    recording.state, recording.reason, recording.tries = State.PENDING, "", 0
    recording.noted_at = recording.next_try_at = now
    _enqueue(recording.id, now)
    jobs.hasten(f"{FETCH}:{recording.id}")
    audience.announce_in_lists(recording.call)


def fetch(row_id: int, source: Source, store: Store) -> Fetched | NotFetched | None:
    """Fetch the file of a recording into its place; None when it is not awaited any more."""
    with database.reading():
        row = db.session.get(Recording, row_id, options=[joinedload(Recording.call)])
        if row is None or row.state != State.PENDING:
            return None
        wanted, call, at = row.recording_id, row.call.pbx_call_id, row.recorded_at
        taken = set(
            db.session.scalars(select(Recording.recording_id).filter_by(call_id=row.call_id))
        )
        db.session.rollback()
    name = f"{at:%Y/%m}/{row_id}"
    try:
        link = _link(source, wanted, call, taken)
        return _download(source, link, store, name)
    except SourceError as error:
        return NotFetched.because(error)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return NotFetched(Reason.DISK_FULL if is_full else Reason.STORE)


def _link(source: Source, wanted: str, pbx_call_id: str, taken: set[str]) -> str:
    """Ask where a recording is; under an id that is none of the PBX's recordings, by its call.

    An id of another list is answered like a recording that does not exist, so that answer alone
    does not say that the recording is gone.
    """
    if _PBX_ID.fullmatch(wanted) or wanted.endswith(tuple(audio.MEDIA_TYPES)):
        return source.link(wanted)
    try:
        links = source.links_of(pbx_call_id)
    except SourceError as error:
        if error.reason is not Reason.NOT_THERE:
            raise
        links = ()
    free = [link for name, link in links if name not in taken]
    if not free:
        raise SourceError(Reason.WRONG_ID)
    return free[0]


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
    if row is not None and isinstance(result, Fetched) and row.state == State.DELETED:
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
    """Ask which recordings a call has, where the PBX has named none."""
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
    for name in found:
        fact = Fact(FactKind.RECORDED, pbx_call_id, clock.now(), recording_id=name[:120])
        recorded = ledger.record(db.session.connection(), fact, "")
        for users, message in audience.messages(recorded):
            after_commit(users, message)
    return None
