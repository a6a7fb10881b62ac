"""Who may hear a call, and who has heard it."""

from datetime import timedelta

from sqlalchemy import select

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import Reach, User
from crm_app.accounts.rights import Verb
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.recordings.models import Listening, ListeningKind, Recording, State

# From which second on it counts as heard, and is written down.
HEARD_FROM_S = 3
# A file that is taken in parts is taken once.
_ONE_DOWNLOAD = timedelta(minutes=1)


def may_hear(user: User, call: Call) -> bool:
    """Whether a user may hear a call that they may see; asks of a loaded call, without a query."""
    how_far = rights.reach(user, Verb.LISTEN)
    if how_far in (Reach.ALL, Reach.NOBODY):
        return how_far is Reach.ALL
    talked = {leg.user for leg in call.legs if leg.answered_at is not None} | {call.user}
    if how_far is Reach.TEAM and user.team:
        return any(one is not None and one.team == user.team for one in talked)
    return any(one is not None and one.id == user.id for one in talked)


def note_heard(recording: Recording, user_id: int, position: float) -> None:
    """Write down that somebody listened; `position` is where they began, in seconds."""
    latest = int(recording.seconds or 0)
    db.session.add(
        Listening(
            user_id=user_id,
            recording_id=recording.id,
            kind=ListeningKind.LISTENED,
            position=min(max(int(position), 0), latest),
        )
    )


def note_download(recording_id: int, user_id: int) -> None:
    """Write down that somebody took the file, or read it with something that is no player."""
    since = clock.now() - _ONE_DOWNLOAD
    same = select(Listening.id).where(
        Listening.recording_id == recording_id,
        Listening.user_id == user_id,
        Listening.kind == ListeningKind.DOWNLOADED,
        Listening.at > since,
    )
    if db.session.scalar(same.limit(1)) is None:
        db.session.add(
            Listening(user_id=user_id, recording_id=recording_id, kind=ListeningKind.DOWNLOADED)
        )


def states_of(call_ids: list[int]) -> dict[int, State]:
    """Return of some calls the state of their recordings: ready if one is."""
    rows = db.session.execute(
        select(Recording.call_id, Recording.state).where(Recording.call_id.in_(call_ids))
    ).all()
    order = [State.DELETED, State.FAILED, State.PENDING, State.READY]
    found: dict[int, State] = {}
    for call_id, state in rows:
        state = State(state)
        found[call_id] = max(found.get(call_id, state), state, key=order.index)
    return found
