"""What users do about a call: close its card, say who it was, write up how it went."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls import ledger, services
from crm_app.calls.facts import Direction
from crm_app.calls.models import Call, CallOutcome, CallWrapup
from crm_app.calls.popups import Part, wrapups_of
from crm_app.contacts import services as contacts
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads import services as leads
from crm_app.leads.models import Lead
from crm_app.tasks import services as tasks

NOTE_LENGTH = 10_000
MONDAY = 0
# The order is that of the keys 1 to 9. The interface words the ones whose label is empty.
DEFAULT_OUTCOMES = (
    "done",
    "interested",
    "call_again",
    "not_interested",
    "not_reached",
    "wrong_number",
)
CHIPS = ("hour", "tomorrow", "monday")


@dataclass(frozen=True, slots=True)
class WrittenUp:
    """What a user typed into the wrap-up; `chip` says when to get in touch again, "" for never.

    `chip` is one of CHIPS, or "kept" for the time that the draft has already.
    """

    outcome: str = ""
    note: str = ""
    chip: str = ""
    task_title: str = ""


def outcomes() -> list[CallOutcome]:
    """List the outcomes to choose from, in the order of their keys; never empty."""
    rows = db.session.scalars(select(CallOutcome).order_by(CallOutcome.position, CallOutcome.id))
    return list(rows) or _default_outcomes()


def ensure_outcomes() -> None:
    """Lay the default outcomes when there are none, so that the office can change them."""
    if db.session.scalar(select(CallOutcome.id).limit(1)) is None:
        db.session.add_all(_default_outcomes())
        db.session.flush()


def wrapup_of(call: Call, user: User) -> CallWrapup:
    """Give the row of what a user does about a call, locked for change, made when there is none."""
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


def put_away(call: Call, part: Part, user: User) -> None:
    """Close a card for good; a wrap-up keeps what was typed and can be opened from the call."""
    row = wrapup_of(call, user)
    if part is Part.WRAP_UP:
        row.dismissed_at = clock.now()
    else:
        row.popup_closed_at = clock.now()
    db.session.flush()


def keep_draft(call: Call, user: User, written: WrittenUp, zone: tzinfo) -> None:
    """Keep what is being typed until it is saved.

    Raises InvalidInputError (note_too_long).
    """
    row = wrapup_of(call, user)
    # A draft that was under way when the wrap-up was saved comes too late.
    if row.saved_at is None:
        _write(row, written, zone)
    db.session.flush()


def save(call: Call, user: User, written: WrittenUp, zone: tzinfo) -> CallWrapup:
    """Write a call up: outcome or note or both, and a next task when a chip was chosen.

    Raises InvalidInputError (nothing_written, note_too_long, outcome_unknown).
    """
    if not (written.outcome or written.note.strip() or written.chip):
        raise InvalidInputError("nothing_written", "outcome")
    row = wrapup_of(call, user)
    if written.outcome not in {"", row.outcome, *(outcome.code for outcome in outcomes())}:
        raise InvalidInputError("outcome_unknown", "outcome")
    _write(row, written, zone)
    if written.chip and row.task_due_at:
        tasks.create_task(
            row.task_title,
            user,
            due_at=row.task_due_at,
            has_time=row.task_has_time,
            contact_id=call.contact_id,
            lead_id=call.lead_id,
        )
    row.saved_at = clock.now()
    db.session.flush()
    return row


def make_lead(call: Call, name: str, by: User, *, title: str, source: str, about: str) -> Lead:
    """Make a stranger a contact with a lead, and attach the call to both.

    Raises InvalidInputError (name_empty, already_known).
    """
    # Two colleagues whose phones ring may do this at the same moment.
    ledger.lock(db.session.connection(), call.pbx_call_id)
    db.session.refresh(call, ["contact_id", "contact_is_chosen"])
    if call.contact_is_chosen:
        raise InvalidInputError("already_known", "name")
    draft = contacts.Draft(
        name=name,
        responsible_id=by.id,
        phones=[contacts.PhoneDraft(call.outside_number)] if call.outside_number else [],
    )
    contact = contacts.create_contact(draft, by)
    lead = leads.create_lead(title, contact.id, by, source=source, about=about)
    services.attach_contact(call, contact, by)
    services.attach_lead(call, lead, by)
    return lead


def source_of(call: Call) -> str:
    """Name where a lead made from a call comes from, as a code that the page words."""
    return "outgoing_call" if call.direction == Direction.OUTBOUND else "incoming_call"


def due_of(chip: str, now: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    """Tell when a chip means, and whether it means that very minute (else some time that day)."""
    if chip == "hour":
        return now + timedelta(hours=1), True
    today = now.astimezone(zone).date()
    days = 1 if chip == "tomorrow" else (MONDAY - today.weekday() - 1) % 7 + 1
    return tasks.on_day(today + timedelta(days=days)), False


def existing(call: Call, user: User) -> CallWrapup | None:
    """Find what a user has written about a call so far."""
    return wrapups_of(user, [call.id]).get(call.id)


def _write(row: CallWrapup, written: WrittenUp, zone: tzinfo) -> None:
    if len(written.note) > NOTE_LENGTH:
        raise InvalidInputError("note_too_long", "note", limit=NOTE_LENGTH)
    row.outcome = written.outcome[:30]
    row.note = written.note.replace("\x00", "").strip()
    if not written.chip:
        row.task_due_at, row.task_has_time, row.task_title = None, False, ""
        return
    if written.chip != "kept":
        row.task_due_at, row.task_has_time = due_of(written.chip, clock.now(), zone)
    row.task_title = written.task_title.replace("\x00", "").strip()[:200]


def _default_outcomes() -> list[CallOutcome]:
    return [
        CallOutcome(code=code, label="", position=position)
        for position, code in enumerate(DEFAULT_OUTCOMES, start=1)
    ]
