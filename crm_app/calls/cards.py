"""What the card of one call says: who it is, what is open with them, what was last."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.services import may_open
from crm_app.calls.facts import Direction
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.popups import Part, on_screen_of
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.journal.models import Note
from crm_app.leads import services as leads
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task

SHOWN_CONTACTS = 3


@dataclass(frozen=True, slots=True)
class Contacted:
    """One time that we had to do with a contact: a call, a note or a task."""

    kind: str
    at: datetime
    text: str
    who: str
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that one card shows."""

    call: Call
    part: Part
    wrapup: CallWrapup | None = None
    contact: Contact | None = None
    # Several contacts share the number and nobody has said yet which of them it is.
    candidates: Sequence[Contact] = ()
    leads: Sequence[Lead] = ()
    history: Sequence[Contacted] = field(default_factory=list)

    @property
    def is_outgoing(self) -> bool:
        """Tell whether we are the ones who called."""
        return self.call.direction == Direction.OUTBOUND

    @property
    def is_hidden(self) -> bool:
        """Tell whether the other side does not show its number."""
        return not self.call.outside_number

    @property
    def is_stranger(self) -> bool:
        """Tell whether nobody in the office knows the number."""
        return bool(self.call.outside_number) and not (self.contact or self.candidates)

    @property
    def country(self) -> str:
        """Give the two-letter country of the number, "" when it has none."""
        return phone_numbers.country_of(self.call.outside_number)

    @property
    def talk_seconds(self) -> int | None:
        """Count how long the talk lasts, or lasted; None when nobody talked."""
        if self.call.answered_at is None:
            return None
        if not self.call.is_live:
            return self.call.talk_seconds
        return max(int((clock.now() - self.call.answered_at).total_seconds()), 0)


def cards_of(user: User) -> list[Card]:
    """Make all cards that a user sees now."""
    return [card_of(call, part, wrapup, user) for call, part, wrapup in on_screen_of(user)]


def card_of(call: Call, part: Part, wrapup: CallWrapup | None, user: User) -> Card:
    """Make the card of one call for one user."""
    contact, candidates = who_is_it(call)
    known = [contact] if contact else candidates
    # Whose phone rings hears the name, whoever the client belongs to; the rest is for those who
    # may open the contact.
    return Card(
        call=call,
        part=part,
        wrapup=wrapup,
        contact=contact,
        candidates=candidates,
        leads=leads.open_leads([person.id for person in known], user),
        history=last_contacts(contact, call) if contact and may_open(contact, user) else (),
    )


def who_is_it(call: Call) -> tuple[Contact | None, list[Contact]]:
    """Find the other side of a call: the one contact it is, else all who share the number."""
    attached = call.contact if call.contact and call.contact.deleted_at is None else None
    if attached and call.contact_is_chosen:
        return attached, []
    found = contacts.matching(call.outside_number) if call.outside_number else []
    if len(found) > 1:
        return None, found
    return (found[0] if found else attached), []


def last_contacts(contact: Contact, call: Call) -> list[Contacted]:
    """List the last three times that we had to do with a contact, this call left out."""
    found = [*_calls(contact, call), *_notes(contact), *_tasks(contact)]
    return sorted(found, key=lambda item: item.at, reverse=True)[:SHOWN_CONTACTS]


def _calls(contact: Contact, call: Call) -> list[Contacted]:
    same = [Call.contact_id == contact.id]
    if call.outside_number:
        same.append(Call.outside_number == call.outside_number)
    rows = db.session.scalars(
        select(Call)
        .where(or_(*same), Call.id != call.id, Call.direction != Direction.INTERNAL)
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(SHOWN_CONTACTS)
        .options(joinedload(Call.user))
    )
    return [
        Contacted("call", row.started_at, row.status, row.user.name if row.user else "", row)
        for row in rows
    ]


def _notes(contact: Contact) -> list[Contacted]:
    rows = db.session.execute(
        Note.of("contact", contact.id)
        .add_columns(User.name)
        .outerjoin(User, User.id == Note.user_id)
        .limit(SHOWN_CONTACTS)
    )
    return [Contacted("note", note.created_at, note.text, name or "") for note, name in rows]


def _tasks(contact: Contact) -> list[Contacted]:
    rows = db.session.scalars(
        select(Task)
        .where(Task.contact_id == contact.id, Task.deleted_at.is_(None))
        .order_by(Task.created_at.desc(), Task.id.desc())
        .limit(SHOWN_CONTACTS)
        .options(joinedload(Task.assignee))
    )
    return [
        Contacted(
            "done" if row.completed_at else "task",
            row.completed_at or row.created_at,
            row.title,
            row.assignee.name if row.assignee else "",
        )
        for row in rows
    ]
