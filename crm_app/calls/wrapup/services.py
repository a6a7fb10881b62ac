"""What users do about a call: close its card, say who it was, write up how it went."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.calls import audience, services
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import OUTCOME_LENGTH, Call, CallWrapup
from crm_app.calls.store import ledger
from crm_app.calls.wrapup import outcomes
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact
from crm_app.database import for_update
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import RecordKind
from crm_app.journal.services import NOTE_LENGTH
from crm_app.journal.values import Column
from crm_app.leads import services as leads
from crm_app.leads.fields import LeadDraft
from crm_app.live.screen_updates import after_commit
from crm_app.local_time import LocalTime
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import TITLE_LENGTH, on_day
from crm_app.text import clean, is_visible, limited

CHIPS = ("hour", "tomorrow", "monday")

WRITE_UP = keep(
    Keeping(
        RecordKind.WRITE_UP,
        CallWrapup,
        (Column("outcome"), Column("note")),
        {"created": "taken_back"},
    )
)


@dataclass(frozen=True, slots=True)
class WrittenUp:
    """What a user typed into the wrap-up; `chip` says when to get in touch again, "" for never.

    `chip` is one of CHIPS, "day" for the one in `day`, or "kept" for the time that the draft has
    already; `task_title` is "" when the task is to call back, whatever that person is called by
    then.
    """

    outcome: str = ""
    note: str = ""
    chip: str = ""
    task_title: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """A caller whom a user has given a name; `known` are the contacts of the number it is not."""

    name: str
    known: frozenset[int] = frozenset()
    wants_no_lead: bool = False


def wrapup_of(call: Call, user: User) -> CallWrapup:
    """Return the row of what a user does about a call, for update; made when there is none."""
    insert = insert_on_sqlite if db.engine.dialect.name == "sqlite" else insert_on_postgresql
    values = {"call_id": call.id, "user_id": user.id, "outcome": "", "note": "", "task_title": ""}
    values |= {"task_has_time": False, "updated_at": clock.now()}
    # Two tabs may make it at the same moment.
    db.session.execute(insert(CallWrapup).values(**values).on_conflict_do_nothing())
    return db.session.scalars(
        select(CallWrapup)
        .where(CallWrapup.call_id == call.id, CallWrapup.user_id == user.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def keep_draft(call: Call, user: User, written: WrittenUp, zone: tzinfo) -> bool:
    """Keep what is being typed until it is saved; False when the write-up is saved already.

    Raises InvalidInputError (note_too_long, too_long).
    """
    row = wrapup_of(call, user)
    # A draft that was under way when the wrap-up was saved comes too late.
    if row.saved_at is not None:
        return False
    _write(row, written, zone)
    db.session.flush()
    return True


def save(
    call: Call, user: User, written: WrittenUp, zone: tzinfo, default_title: str
) -> CallWrapup:
    """Write a call up: outcome or note or both, and a next task when a chip was chosen.

    Raises InvalidInputError (nothing_written, note_too_long, too_long, outcome_unknown, day_empty).
    """
    if not (written.outcome or is_visible(written.note) or written.chip):
        raise InvalidInputError("nothing_written", "outcome")
    if written.chip == "day" and written.day is None:
        raise InvalidInputError("day_empty", "day")
    row = wrapup_of(call, user)
    refuse_unknown(written.outcome, row)
    change = WRITE_UP.begin(row) if row.saved_at else None
    _write(row, written, zone)
    if change is not None:
        change.write("changed", user)
    else:
        WRITE_UP.created(row, user)
    if row.task_due_at:
        _plan(row, call, user, row.task_title or default_title)
    row.saved_at, row.waits_since = clock.now(), None
    db.session.flush()
    after_commit([user.id], {"call": call.id})
    audience.announce_in_lists(call)
    return row


def refuse_unknown(outcome: str, row: CallWrapup) -> None:
    """Raise InvalidInputError (outcome_unknown) for one that is not offered, nor chosen before."""
    if outcome not in {"", row.outcome, *(one.code for one in outcomes.offered())}:
        raise InvalidInputError("outcome_unknown", "outcome")


def make_lead(
    call: Call, caller: Stranger, by: User, *, title: str, source: str, about: str
) -> Contact | None:
    """Make a stranger a contact with a lead, and attach the call to both.

    One who is a contact by the number alone gets the name, and a lead if that was asked. When
    another contact has the number by now, that one is the caller: no second contact is made, the
    call is attached to them and to their newest open lead, and they are given back.

    Raises InvalidInputError (name_empty, already_known).
    """
    # Two colleagues whose phones ring may do this at the same moment, also in two calls.
    connection = db.session.connection()
    ledger.lock(connection, call.pbx_call_id)
    if call.outside_number:
        ledger.lock(connection, call.outside_number)
    db.session.refresh(call, ["contact_id", "contact_is_chosen"])
    found = contacts.matching(call.outside_number) if call.outside_number else []
    newcomers = [person for person in found if person.id not in caller.known]
    if call.contact_is_chosen or len(newcomers) > 1:
        raise InvalidInputError("already_known", "name")
    contact = newcomers[0] if newcomers else _new_contact(call, caller.name, by)
    is_only_number = not contact.is_named
    if is_only_number:
        contacts.update_contact(contact, ContactDraft(name=caller.name), by)
    lead = next(iter(leads.open_leads([contact.id])), None)
    if lead is None and not caller.wants_no_lead:
        draft = LeadDraft(title=title, contact_id=contact.id, source=source, about=about)
        lead = leads.create_lead(draft, by)
    services.attach_contact(call, contact, by)
    if lead is not None:
        services.attach_lead(call, lead, by)
    return contact if newcomers and not is_only_number else None


def source_of(call: Call) -> str:
    """Name where a lead made from a call comes from, as a code that the page words."""
    return "outgoing_call" if call.direction == Direction.OUTBOUND else "incoming_call"


def due_of(chip: str, now: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    """The moment that a chip means, and whether it means that minute (else some time that day)."""
    if chip == "hour":
        return now + timedelta(hours=1), True
    return on_day(LocalTime(now, zone).chips()[chip]), False


def is_open(call: Call, user: User) -> bool:
    """Whether a user has not written a call up yet."""
    row = existing(call, user)
    return row is None or row.saved_at is None


def wrapups_of(user: User, call_ids: Iterable[int]) -> dict[int, CallWrapup]:
    """Find what a user has done about some calls, by the call's id."""
    ids = list(call_ids)
    if not ids:
        return {}
    rows = db.session.scalars(
        select(CallWrapup).where(CallWrapup.user_id == user.id, CallWrapup.call_id.in_(ids))
    )
    return {row.call_id: row for row in rows}


def existing(call: Call, user: User) -> CallWrapup | None:
    """Find what a user has written about a call so far."""
    return wrapups_of(user, [call.id]).get(call.id)


def _write(row: CallWrapup, written: WrittenUp, zone: tzinfo) -> None:
    if len(written.note) > NOTE_LENGTH:
        raise InvalidInputError("note_too_long", "note", limit=NOTE_LENGTH)
    row.outcome = limited(written.outcome, "outcome", OUTCOME_LENGTH)
    row.note = clean(written.note)
    if not written.chip:
        row.task_due_at, row.task_has_time, row.task_title = None, False, ""
        return
    if written.chip == "day":
        row.task_due_at, row.task_has_time = on_day(written.day) if written.day else None, False
    elif written.chip != "kept":
        row.task_due_at, row.task_has_time = due_of(written.chip, clock.now(), zone)
    row.task_title = limited(written.task_title, "task_title", TITLE_LENGTH)


def _plan(row: CallWrapup, call: Call, user: User, title: str) -> None:
    """Make the next task, or move the one that this write-up has made and that is still open.

    Saving again, because the answer was lost or the note was not complete, means the same task.
    """
    task = row.task
    due = TaskDraft(due_at=row.task_due_at, has_time=row.task_has_time)
    if task is not None:
        for_update(db.session, task)
    if task is None or task.completed_at or task.deleted_at:
        draft = due.but(title=title, contact_id=call.contact_id, lead_id=call.lead_id)
        row.task = tasks.create_task(draft, user)
    else:
        tasks.update_task(task, due.but(title=row.task_title or task.title), user)


def _new_contact(call: Call, name: str, by: User) -> Contact:
    number = call.outside_number
    phones = [PhoneDraft(number)] if phone_numbers.can_be_stored(number) else []
    draft = ContactDraft(name=name, responsible_id=by.id, phones=phones)
    return contacts.create_contact(draft, by)
