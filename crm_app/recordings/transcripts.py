"""What was said: the PBX's recognition of a recording, asked for and kept to be read and found."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.recordings.models import Recording, State, Transcript
from crm_app.recordings.source import Reason, Source, SourceError, Speech
from crm_app.search_text import normalise

ASK, RECOGNISED = "ask_for_transcript", "speech_recognised"
# A recognition follows its recording by minutes; these are the pauses between the questions.
PAUSES_S = (60, 60, 120, 240, 480, 900, 1800, 3600, 7200, 14_400, 28_800)
_WAITS_AT_MOST = timedelta(days=3)
# Somebody may start the recognition in the PBX's own pages; the PBX says so when it has done it,
# and that message may be lost.
_MAY_BE_STARTED_FOR, _LOOKS_EVERY = timedelta(hours=6), timedelta(hours=1)
MOST_PHRASES = 5_000
_LONGEST_ID = 64


def expect(recording_id: int) -> None:
    """Ask soon what was recognised in a recording that is here."""
    row = db.session.get(Recording, recording_id)
    if row is not None and row.state == State.READY:
        _expect(row, clock.now() + timedelta(seconds=PAUSES_S[0]))


def _expect(row: Recording, due_at: datetime) -> None:
    values = {"recording_id": row.id, "asked_at": clock.now(), "phrases": []}
    database.add_missing(db.session, Transcript, **values)
    jobs.enqueue(db.session, ASK, {"recording": row.id}, key=f"{ASK}:{row.id}", due_at=due_at)


def note_recognised(where: Connection, pbx_call_id: str, recording_id: str) -> None:
    """Note that the PBX has recognised a recording, named by its id, its call, or both."""
    payload = {"call": pbx_call_id[:_LONGEST_ID], "recording": recording_id[:_LONGEST_ID]}
    key = f"{RECOGNISED}:{payload['call']}:{payload['recording']}"
    jobs.enqueue(where, RECOGNISED, payload, key=key)


def ask_now(pbx_call_id: str, recording_id: str) -> None:
    """Ask what was recognised in a recording, or in all of a call of which no id is known."""
    rows = db.session.scalars(
        select(Recording).where(
            Recording.call_id.in_(select(Call.id).where(Call.pbx_call_id == pbx_call_id))
            if pbx_call_id
            else Recording.recording_id == recording_id,
            Recording.state == State.READY,
        )
    ).all()
    named = [row for row in rows if recording_id in (row.recording_id, row.found_id)]
    for row in named or rows:
        words = row.transcript
        if words is not None and words.state != "ready":
            words.state, words.asked_at, words.tries = "pending", clock.now(), 0
        if words is None or words.state != "ready":
            _expect(row, clock.now())
            jobs.hasten(f"{ASK}:{row.id}")


def forget_awaited(recording_id: int) -> None:
    """Await no longer what was recognised; it is as if nobody had asked."""
    db.session.execute(
        delete(Transcript).where(
            Transcript.recording_id == recording_id,
            Transcript.state.in_(("pending", "not_started")),
        )
    )


def ask(recording_id: int, source: Source) -> Speech | SourceError | None:
    """Ask what was recognised; a recognition that nobody has started stays so, for it is paid."""
    with database.reading():
        row = db.session.get(Recording, recording_id)
        if row is None or row.state != State.READY:
            return None
        pbx_id = row.pbx_id
        db.session.rollback()
    if not pbx_id:
        return Speech("none")
    try:
        return source.speech(pbx_id)
    except SourceError as error:
        return error


def keep(recording_id: int, answer: Speech | SourceError | None) -> timedelta | None:
    """Store what was recognised; return when to ask again, if so."""
    row = db.session.get(Recording, recording_id)
    words = row.transcript if row is not None else None
    if row is None or words is None or answer is None or row.state != State.READY:
        return None
    if isinstance(answer, SourceError):
        return _pause(words, is_counted=answer.reason not in (Reason.BUSY, Reason.UNREACHABLE))
    if answer.state == "pending":
        words.state = answer.state
        return _pause(words)
    words.state, words.language = answer.state, answer.language[:12]
    phrases = sorted(answer.phrases, key=lambda one: one.start)[:MOST_PHRASES]
    words.phrases = [
        {"start": one.start, "end": one.end, "text": one.text, "channel": one.channel}
        for one in phrases
    ]
    words.search_text = normalise(" ".join(one.text for one in phrases))
    audience.announce_in_lists(row.call)
    may_begin = clock.now() - words.asked_at < _MAY_BE_STARTED_FOR
    return _LOOKS_EVERY if answer.state == "not_started" and may_begin else None


def _pause(words: Transcript, *, is_counted: bool = True) -> timedelta | None:
    words.tries += is_counted
    if words.tries >= len(PAUSES_S) or clock.now() - words.asked_at > _WAITS_AT_MOST:
        words.state = "none"
        return None
    return timedelta(seconds=PAUSES_S[words.tries])


def speaker_of(recording: Recording, channel: int) -> str:
    """Say who speaks on a channel: us, client, or "" where the sound has but one channel.

    Our side is on channel 1 of outgoing and 2 of incoming calls (zadarma: seen on one account).
    """
    if not recording.is_stereo or channel not in (1, 2):
        return ""
    ours = 1 if recording.call.direction == Direction.OUTBOUND else 2
    return "us" if channel == ours else "client"
