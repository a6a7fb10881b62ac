"""What was said: the PBX's recognition of a recording, asked for and kept to be read and found."""

from datetime import timedelta

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Direction
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.recordings.models import Recording, State, Transcript
from crm_app.recordings.source import Reason, Source, SourceError, Speech
from crm_app.search_text import normalise

ASK = "ask_for_transcript"
# A recognition follows its recording by minutes; these are the pauses between the questions.
PAUSES_S = (60, 60, 120, 240, 480, 900, 1800, 3600, 7200, 14_400, 28_800)
_WAITS_AT_MOST = timedelta(days=3)
MOST_PHRASES = 5_000


def expect(recording_id: int) -> None:
    """Ask soon what was recognised in a recording that is here."""
    row = db.session.get(Recording, recording_id)
    if row is None or row.state != State.READY:
        return
    values = {"recording_id": recording_id, "asked_at": clock.now(), "phrases": []}
    database.add_missing(db.session, Transcript, **values)
    due_at = clock.now() + timedelta(seconds=PAUSES_S[0])
    key = f"{ASK}:{recording_id}"
    jobs.enqueue(db.session, ASK, {"recording": recording_id}, key=key, due_at=due_at)


def ask(recording_id: int, source: Source) -> Speech | SourceError | None:
    """Ask what was recognised; a recognition that nobody has started stays so, for it is paid."""
    with database.reading():
        row = db.session.get(Recording, recording_id)
        if row is None or row.state != State.READY:
            return None
        pbx_name = row.recording_id
        db.session.rollback()
    try:
        return source.speech(pbx_name)
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
        return _pause(words)
    words.state, words.language = answer.state, answer.language[:12]
    phrases = sorted(answer.phrases, key=lambda one: one.start)[:MOST_PHRASES]
    words.phrases = [
        {"start": one.start, "end": one.end, "text": one.text, "channel": one.channel}
        for one in phrases
    ]
    words.search_text = normalise(" ".join(one.text for one in phrases))
    audience.announce_in_lists(row.call)
    return None


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
