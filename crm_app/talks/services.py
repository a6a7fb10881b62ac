"""Talks are entered, changed, deleted and counted; the contact's history notes it.

No verb commits.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import OUTCOME_LENGTH
from crm_app.calls.wrapup import outcomes
from crm_app.contacts.models import Contact
from crm_app.database import for_update
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.journal.services import NOTE_LENGTH
from crm_app.journal.values import Snapshot, Value, difference, plain
from crm_app.paging import Page, fetch_page
from crm_app.talks.models import Talk, TalkKind
from crm_app.text import clean, limited

MOST_MINUTES = 600
SHOWN = 10
# Under these names the history of a contact has what a talk was.
FIELDS = ("kind", "direction", "began_at", "minutes", "outcome", "note")
# And under this one, which is never shown, whose history it is among all talks of the contact.
_WHICH = "talk"


@dataclass(frozen=True, slots=True)
class TalkDraft:
    """What is typed about a talk; `user_id` talked."""

    kind: TalkKind
    began_at: datetime
    user_id: int
    direction: Direction | None = Direction.OUTBOUND
    minutes: int | None = None
    outcome: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many talks there were, and how many minutes of them were written down."""

    talks: int
    minutes: int


def enter(contact: Contact, draft: TalkDraft, by: User) -> Talk:
    """Write down a talk with a contact.

    Raises InvalidInputError: talk_in_future, minutes_out_of_range, responsible_unknown, too_long,
    outcome_unknown, note_too_long.
    """
    talk = Talk(contact_id=contact.id, entered_by_id=by.id)
    _write(talk, draft)
    db.session.add(talk)
    _note(talk, "talk_entered", by, {}, _snapshot(talk))
    return talk


def finish_call_back(talk: Talk, reason: str, by: User) -> CallBack | None:
    """Finish the client's open call-back, for which there is none to call any more after a talk.

    It stays open when the client was missed again, or it was opened again, after the talk began.
    Gives the call-back that a colleague has taken, which stays theirs; None otherwise.
    """
    row = call_backs.open_for(talk.contact_id, "")
    if row is None or talk.began_at <= max(row.missed_at, row.reopened_at or row.missed_at):
        return None
    try:
        call_backs.done(row.id, reason, by)
    except NotFoundError:
        return None
    except InvalidInputError as error:
        # `done`: a colleague was first.
        return row if error.code == "taken" else None
    return None


def hold(talk: Talk) -> None:
    """Read a talk again, and let nobody else change it before the end of the transaction."""
    for_update(db.session, talk)


def about(talk: Talk) -> ColumnElement[bool]:
    """Say that an entry in the history of its contact is about this talk."""
    which: ColumnElement[int] = JournalEntry.changes[(_WHICH, "new", "value")].as_integer()
    return which == talk.id


def version_of(talk: Talk) -> int:
    """Count what the history of its contact knows of a talk."""
    return db.session.scalars(
        select(func.count(JournalEntry.id)).where(
            JournalEntry.record_type == RecordKind.CONTACT,
            JournalEntry.record_id == talk.contact_id,
            about(talk),
        )
    ).one()


def change(talk: Talk, draft: TalkDraft, by: User) -> None:
    """Change what was written down; raises InvalidInputError as `enter` does."""
    hold(talk)
    before = _snapshot(talk)
    _write(talk, draft)
    _note(talk, "talk_changed", by, before, _snapshot(talk))


def delete(talk: Talk, by: User) -> None:
    """Delete a talk; the history of its contact keeps what it said."""
    before = _snapshot(talk)
    db.session.delete(talk)
    nothing: Value = {"value": None}
    _note(talk, "talk_deleted", by, before, dict.fromkeys(before, nothing))


def fetch_changeable(talk_id: int, user: User) -> Talk:
    """Fetch a talk that a user may change, with its contact; NotFoundError unless they may."""
    talk = db.session.scalar(
        select(Talk)
        .where(Talk.id == talk_id, Talk.contact_id.in_(_seen(user)))
        .options(joinedload(Talk.contact), joinedload(Talk.user))
    )
    if talk is None or not talk.may_be_changed_by(user):
        raise NotFoundError
    return talk


def with_contact(contact: Contact, cursor: str = "") -> Page[Talk]:
    """Read one page of the talks with a contact, the newest first."""
    talks = select(Talk).where(Talk.contact_id == contact.id)
    people = (joinedload(Talk.user), joinedload(Talk.entered_by))
    keys = [Talk.began_at, Talk.id]
    return fetch_page(
        db.session, talks.options(*people), keys, cursor=cursor, descending=True, size=SHOWN
    )


def counts(since: datetime, until: datetime) -> dict[int, Count]:
    """Count the talks that began from `since` to before `until`, by who talked."""
    rows = db.session.execute(
        select(Talk.user_id, func.count(), func.sum(Talk.minutes))
        .where(Talk.began_at >= since, Talk.began_at < until)
        .group_by(Talk.user_id)
    )
    return {user_id: Count(talks, minutes or 0) for user_id, talks, minutes in rows}


def _seen(user: User) -> Select[int]:
    return select(Contact.id).where(rights.scope(user, Contact, Verb.EDIT))


def _write(talk: Talk, draft: TalkDraft) -> None:
    """Check a draft and write it into a talk; flushed by who calls."""
    if draft.began_at > clock.now():
        raise InvalidInputError("talk_in_future", "time")
    if draft.minutes is not None and not 1 <= draft.minutes <= MOST_MINUTES:
        raise InvalidInputError("minutes_out_of_range", "minutes", most=MOST_MINUTES)
    outcome = limited(draft.outcome, "outcome", OUTCOME_LENGTH)
    if outcome not in {"", talk.outcome, *(one.code for one in outcomes.offered())}:
        raise InvalidInputError("outcome_unknown", "outcome")
    if len(draft.note) > NOTE_LENGTH:
        raise InvalidInputError("note_too_long", "note", limit=NOTE_LENGTH)
    talked = db.session.get(User, draft.user_id)
    if talked is None or not (talked.active or talked.id == talk.user_id):
        raise InvalidInputError("responsible_unknown", "user_id")
    talk.user = talked
    talk.kind, talk.minutes = draft.kind, draft.minutes
    talk.began_at = draft.began_at.astimezone(UTC)
    talk.direction = None if draft.kind == TalkKind.VISIT else draft.direction
    talk.outcome, talk.note = outcome, clean(draft.note)


def _snapshot(talk: Talk) -> Snapshot:
    kept: dict[str, Value] = {
        f"talk_{name}": {"value": plain(getattr(talk, name)) or None} for name in FIELDS
    }
    return {**kept, "talk_user": {"value": talk.user.id, "shown": talk.user.name}}


def _note(talk: Talk, action: str, by: User, before: Snapshot, after: Snapshot) -> None:
    """Note in the contact's history what was done, where anything was; flushed."""
    db.session.flush()
    if changes := difference(before, after):
        which: Value = {"value": talk.id}
        changes[_WHICH] = {"old": which, "new": which}
        journal.record(RecordKind.CONTACT, talk.contact_id, action, by, changes)
        db.session.flush()
