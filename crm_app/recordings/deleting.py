"""Deleting recordings: when their time is over or by hand, here and in the PBX, with a receipt."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, literal_column, or_, select, update
from sqlalchemy import delete as delete_rows

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.calls import audience
from crm_app.calls.models import Call
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.recordings.models import LineRetention, Recording, State, Transcript
from crm_app.recordings.source import Reason, Source, SourceError, is_pbx_id, links_beside
from crm_app.recordings.store import Store

DELETE = "delete_recording"
MOST_DAYS = 3650
AT_ONCE = 200
# How an end answered; anything else is a Reason.
DONE, NOTHING = "deleted", "nothing"
# The PBX is asked again for so long, then the receipt says why it has not answered.
_ASKS_FOR = timedelta(days=3)
_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
_MAY_CHANGE = frozenset({Reason.BUSY, Reason.UNREACHABLE, Reason.NOT_CONNECTED, Reason.STORE})


@dataclass(frozen=True, slots=True)
class Answers:
    """What both ends answered; "" where one was not asked because it had deleted it before.

    `was_asked` is whether the question to the PBX was sent, as in SourceError.
    """

    here: str
    pbx: str
    was_asked: bool = True


def hold(recording: Recording, why: str, by: User) -> None:
    """Keep a recording until it is released; raises InvalidInputError (hold_reason)."""
    database.for_update(db.session, recording)
    if not why:
        raise InvalidInputError("hold_reason", "hold_reason")
    if recording.state != State.DELETED and not recording.is_held:
        recording.held_at, recording.held_by_id = clock.now(), by.id
        recording.hold_reason = why[:200]


def release(recording: Recording) -> None:
    """Let a recording be deleted again, by hand or when its time is over."""
    database.for_update(db.session, recording)
    recording.held_at = recording.held_by_id = None
    recording.hold_reason = ""


def delete_by_hand(recording: Recording, by: User) -> None:
    """Delete a recording for good: nobody hears it from now on, and a job deletes the files.

    Raises InvalidInputError (held).
    """
    database.for_update(db.session, recording)
    if recording.is_held:
        raise InvalidInputError("held", "")
    if recording.state == State.DELETED:
        return
    recording.state, recording.next_try_at = State.DELETED, None
    recording.deleted_at, recording.deleted_by_id = clock.now(), by.id
    recording.deletion = "by_hand"
    _forget_words([recording.id])
    _enqueue(recording.id)
    audience.announce_in_lists(recording.call)


def delete_late_name(recording: Recording) -> None:
    """Delete in the PBX what it names only after it was deleted here."""
    recording.pbx_answer = ""
    jobs.enqueue(db.session, DELETE, {"recording": recording.id})


def delete_late_file(recording: Recording, name: str) -> None:
    """Delete the file of a recording that was deleted while its file was on its way."""
    recording.name, recording.here_answer = name, ""
    # Without a key: the job that asked both ends before may not be done yet.
    jobs.enqueue(db.session, DELETE, {"recording": recording.id})


def _forget_words(ids: list[int]) -> None:
    db.session.execute(delete_rows(Transcript).where(Transcript.recording_id.in_(ids)))


def _enqueue(recording_id: int) -> None:
    key = f"{DELETE}:{recording_id}"
    jobs.enqueue(db.session, DELETE, {"recording": recording_id}, key=key)


def retire(days: int) -> int:
    """Delete recordings that are older than their line keeps them; return how many, at most some.

    `days` holds for lines without a number of their own; 0 keeps for ever. What is held stays.
    """
    now = clock.now()
    own = dict(db.session.execute(select(LineRetention.line, LineRetention.days)).all())
    is_over: list[ColumnElement[bool]] = []
    for line, its_days in own.items():
        if its_days:
            edge = now - timedelta(days=its_days)
            is_over.append(and_(Call.did == line, Recording.recorded_at < edge))
    if days:
        edge = now - timedelta(days=days)
        is_over.append(and_(Call.did.not_in(list(own)), Recording.recorded_at < edge))
    if not is_over:
        return 0
    ids = list(
        db.session.scalars(
            select(Recording.id)
            .join(Call, Call.id == Recording.call_id)
            # Also what could not be fetched. Not a parameter: the index is of these rows alone.
            .where(Recording.state != literal_column("'deleted'"))
            .where(Recording.held_at.is_(None), or_(*is_over))
            .order_by(Recording.recorded_at)
            .limit(AT_ONCE)
            .with_for_update(of=Recording)
        )
    )
    gone = {
        "state": State.DELETED, "next_try_at": None, "deleted_at": now, "deletion": "retention",
    }  # fmt: skip
    db.session.execute(update(Recording).where(Recording.id.in_(ids)).values(**gone))
    _forget_words(ids)
    for recording_id in ids:
        _enqueue(recording_id)
    return len(ids)


def delete(recording_id: int, source: Source, store: Store) -> Answers | None:
    """Delete the file here and the recording in the PBX; None when that is not wanted."""
    with database.reading():
        row = db.session.get(Recording, recording_id)
        if row is None or row.state != State.DELETED:
            return None
        name, here, pbx = row.name, row.here_answer, row.pbx_answer
        pbx_id, call, others = row.pbx_id, row.call.pbx_call_id, row.ids_of_others()
        db.session.rollback()
    here = _delete_here(name, here, store)
    if pbx == DONE:
        return Answers(here, "")
    try:
        source.delete(_id_in_pbx(source, pbx_id, call, others))
    except SourceError as error:
        is_nothing = error.reason is Reason.NOT_THERE
        return Answers(here, NOTHING if is_nothing else error.reason, error.was_asked)
    return Answers(here, DONE)


def _id_in_pbx(source: Source, pbx_id: str, pbx_call_id: str, others: set[str]) -> str:
    """Find by which id the PBX deletes a recording; raises SourceError, with wrong_id for none.

    Of one that it has not named it is asked by the call, if only one of them can be meant.
    """
    if is_pbx_id(pbx_id):
        return pbx_id
    (found_id, _link), *_more = links_beside(source, pbx_call_id, others)
    if not found_id or not all(map(is_pbx_id, others)):
        raise SourceError(Reason.WRONG_ID)
    return found_id


def _delete_here(name: str, answered: str, store: Store) -> str:
    if answered == DONE:
        return ""
    try:
        return DONE if name and store.delete(name) else NOTHING
    except OSError:
        return Reason.STORE


def note_answers(recording_id: int, answers: Answers | None) -> timedelta | None:
    """Write the answers into the receipt; return when to ask again, if one may still change."""
    row = db.session.get(Recording, recording_id, with_for_update=True, populate_existing=True)
    if row is None or answers is None or row.deleted_at is None:
        return None
    now = clock.now()
    if answers.here:
        row.here_answer, row.here_at = answers.here, now
    if answers.pbx:
        row.pbx_answer, row.pbx_at = answers.pbx, now
    waiting = now - row.deleted_at
    # Deleted before the PBX had it: what comes there later is deleted, too.
    is_to_come = not row.name and row.reason in ("", Reason.NOT_THERE)
    may_change = bool(_MAY_CHANGE & {row.here_answer, row.pbx_answer})
    may_change = may_change or (is_to_come and row.pbx_answer == NOTHING)
    if waiting < _ASKS_FOR and may_change:
        return min(max(waiting / 4, _SHORTEST_PAUSE), _LONGEST_PAUSE)
    return None


def keep_line(line: str, days: int | None) -> None:
    """Say how many days a line keeps its recordings; None for as long as the others.

    Raises InvalidInputError (days_impossible).
    """
    if days is not None and not 0 <= days <= MOST_DAYS:
        raise InvalidInputError("days_impossible", f"days-{line}")
    stored = db.session.get(LineRetention, line)
    if days is None:
        if stored is not None:
            db.session.delete(stored)
    elif stored is not None:
        stored.days = days
    else:
        db.session.add(LineRetention(line=line, days=days))


def kept_by_line() -> dict[str, int]:
    """Return the days of the lines that have a number of their own."""
    return dict(db.session.execute(select(LineRetention.line, LineRetention.days)).all())
