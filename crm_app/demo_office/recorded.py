"""The recordings of the sample calls: most can be heard, some cannot, and each says why."""

import hashlib
import random
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.demo_office.calls import recording_id_of
from crm_app.demo_office.conversations import Conversation, conversations
from crm_app.extensions import db
from crm_app.recordings import deleting, fetching, transcripts
from crm_app.recordings.deleting import DONE, Answers
from crm_app.recordings.fetching import Fetched, NotFetched
from crm_app.recordings.models import Listening, ListeningKind, Recording, State, Transcript
from crm_app.recordings.source import Reason, Speech
from crm_app.recordings.store import Store

# Some of them have a fate of their own; counted from the newest one.
FAILED = {4: Reason.NOT_AUDIO, 11: Reason.WRONG_ID, 19: Reason.TOO_LARGE}
AWAITED, DELETED, HELD = 0, 7, 3
WITH_WORDS = (1, 2, 5)
HEARD = 16


def keep(users: Sequence[User], store: Store, dice: random.Random) -> None:
    """Keep the recordings of the calls that are in the log, as the worker would have."""
    by_length = {one.seconds: one for one in conversations()}
    calls = select(Call).where(Call.recording_count > 0).order_by(Call.started_at.desc(), Call.id)
    rows = []
    for place, call in enumerate(db.session.scalars(calls)):
        row = _note(call)
        rows.append(row)
        if place == AWAITED:
            continue
        conversation = by_length[call.talk_seconds or 0]
        if place in FAILED:
            row.tries = fetching.TRIES_OF_RUBBISH
            fetching.keep(row.id, NotFetched(FAILED[place]))
            continue
        fetching.keep(row.id, _fetched(row, conversation, store))
        row.fetched_at = row.noted_at + timedelta(seconds=fetching.PAUSES_S[0] + 2)
        if place in WITH_WORDS:
            _write_words(row, conversation)
    _listen([row for row in rows if row.state == State.READY], users, dice)
    if len(rows) <= DELETED:
        return
    deleting.hold(rows[HELD], "The client doubts what was agreed.", users[3])
    deleting.delete_by_hand(rows[DELETED], users[3])
    store.delete(rows[DELETED].name)
    deleting.note_answers(rows[DELETED].id, Answers(DONE, DONE))


def _note(call: Call) -> Recording:
    row = Recording(
        call=call,
        recording_id=recording_id_of(call.pbx_call_id, call.started_at),
        recorded_at=call.started_at,
        noted_at=call.ended_at or call.started_at,
        next_try_at=clock.now(),
    )
    db.session.add(row)
    db.session.flush()
    return row


def _fetched(row: Recording, conversation: Conversation, store: Store) -> Fetched:
    name = f"{row.recorded_at:%Y/%m}/{row.id}{conversation.sound.ending}"
    path = store.new_file(name)
    path.write_bytes(conversation.content)
    store.put(path, name)
    digest = hashlib.sha256(conversation.content).hexdigest()
    return Fetched(name, len(conversation.content), digest, conversation.sound)


def _write_words(row: Recording, conversation: Conversation) -> None:
    db.session.add(Transcript(recording=row, asked_at=row.noted_at))
    db.session.flush()
    transcripts.keep(row.id, Speech("ready", "en-GB", conversation.phrases))


def _listen(rows: Sequence[Recording], users: Sequence[User], dice: random.Random) -> None:
    """Let those who may listen have done so: the administrator, and mostly the manager."""
    for row in rows[:HEARD]:
        reader = dice.choices((users[0], users[3]), (1, 3))[0]
        at = (row.fetched_at or row.noted_at) + timedelta(minutes=dice.randint(5, 300))
        kind = ListeningKind.DOWNLOADED if dice.random() < 0.2 else ListeningKind.LISTENED
        position = dice.choice((0, 0, 0, int((row.seconds or 0) / 2)))
        heard = Listening(
            at=min(at, clock.now()), user_id=reader.id, recording_id=row.id, kind=kind,
            position=position if kind is ListeningKind.LISTENED else 0,
        )  # fmt: skip
        db.session.add(heard)
    db.session.flush()


def await_newest() -> None:
    """Ask for the recording that is awaited, as its page says."""
    for row in db.session.scalars(select(Recording).where(Recording.state == State.PENDING)):
        fetching.try_again(row)


def delete_files(store: Store) -> None:
    """Delete all files that are kept, before their rows are deleted."""
    for name in db.session.scalars(select(Recording.name).where(Recording.name != "")).all():
        store.delete(name)
