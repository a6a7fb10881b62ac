"""What can be done about a write-up that is saved: take it back at once, or change it later."""

from datetime import datetime, timedelta

from crm_app.accounts.models import User
from crm_app.calls.fold.legs import LegState
from crm_app.calls.models import OUTCOME_LENGTH, Call, CallWrapup
from crm_app.calls.wrapup.services import WRITE_UP, refuse_unknown, wrapup_of
from crm_app.database import for_update
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.services import NOTE_LENGTH
from crm_app.live.screen_updates import after_commit
from crm_app.records.bin import put_in_bin
from crm_app.text import clean, is_visible, limited


def take_back(call: Call, user: User) -> bool:
    """Make a draft again of what a user has written up: it waits again, its task goes to the bin.

    A task that is done already stays. False when nothing was saved.
    """
    row = wrapup_of(call, user)
    if row.saved_at is None:
        return False
    task, row.saved_at, row.task = row.task, None, None
    if task is not None and task.completed_at is None:
        put_in_bin(task, user)
    row.waits_since = _end_of_talk(call, user)
    journal.record(WRITE_UP.record_type, row.id, "taken_back", user)
    db.session.flush()
    after_commit([user.id], {"call": call.id})
    return True


def may_revise(row: CallWrapup, user: User) -> bool:
    """Whether a user may change a write-up: its author and managers may."""
    return row.saved_at is not None and (row.user_id == user.id or user.is_manager)


def revise(row: CallWrapup, outcome: str, note: str, by: User) -> None:
    """Change what was written up; the journal keeps what it said before.

    Raises InvalidInputError (nothing_written, note_too_long, outcome_unknown).
    """
    if not (outcome or is_visible(note)):
        raise InvalidInputError("nothing_written", "outcome")
    if len(note) > NOTE_LENGTH:
        raise InvalidInputError("note_too_long", "note", limit=NOTE_LENGTH)
    for_update(db.session, row)
    refuse_unknown(outcome, row)
    change = WRITE_UP.begin(row)
    row.outcome, row.note = limited(outcome, "outcome", OUTCOME_LENGTH), clean(note)
    change.write("changed", by)
    after_commit([row.user_id, by.id], {"call": row.call_id})


def _end_of_talk(call: Call, user: User) -> datetime | None:
    talks = [leg for leg in call.legs if leg.user_id == user.id and leg.state == LegState.TALKED]
    if not talks:
        return None
    last = max(talks, key=lambda leg: leg.answered_at or call.started_at)
    began = max(last.answered_at or call.started_at, call.answered_at or call.started_at)
    if call.is_live and last.talk_seconds is not None:
        return began + timedelta(seconds=last.talk_seconds)
    return call.ended_at or began
