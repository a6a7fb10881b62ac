"""What the card of one call says: who it is, what is open with them, what was last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import contains_eager, joinedload

from crm_app import phone_numbers
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.calls.fold.facts import Direction
from crm_app.calls.listing import with_contact
from crm_app.calls.models import Call, CallLeg, CallWrapup
from crm_app.calls.naming import may_name, only_named
from crm_app.calls.popups.card_state import (
    CardState,
    passed_by,
    seconds_of_ring,
    seconds_of_talk,
)
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import Note
from crm_app.leads import services as leads
from crm_app.leads.models import Lead
from crm_app.phone_pairs import forms_of
from crm_app.tasks.models import Task

SHOWN_CONTACTS = 3


@dataclass(frozen=True, slots=True)
class Contacted:
    """One time that we had to do with a contact: a call, a note or a task that was done."""

    kind: str
    at: datetime
    text: str
    who: str
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that one card shows."""

    call: Call
    state: CardState
    wrapup: CallWrapup | None = None
    contact: Contact | None = None
    # Several contacts share the number and nobody has said yet which of them it is.
    candidates: Sequence[Contact] = ()
    # Nobody else has the number, but somebody in the bin has.
    from_bin: Sequence[Contact] = ()
    # Somebody in the office knows the number, though perhaps not who reads.
    is_known: bool = False
    leads: Sequence[Lead] = ()
    next_task: Task | None = None
    history: Sequence[Contacted] = field(default_factory=list)
    # What was written up last, of the calls before this one.
    last_write_up: CallWrapup | None = None
    talk_seconds: int | None = None
    ring_seconds: int | None = None
    # The line is worth its words.
    names_line: bool = False
    # The leg of the colleague who passed the call to this user.
    passed_by: CallLeg | None = None

    @property
    def is_outgoing(self) -> bool:
        """Whether we are the ones who called."""
        return self.call.direction == Direction.OUTBOUND

    @property
    def is_hidden(self) -> bool:
        """Whether the other side does not show its number."""
        return not self.call.outside_number

    @property
    def is_stranger(self) -> bool:
        """Whether nobody in the office knows the number."""
        return bool(self.call.outside_number) and not self.is_known

    @property
    def wants_name(self) -> bool:
        """Whether the contact is only a number so far, to which a name can be typed."""
        return self.contact is not None and not self.contact.is_named and not self.is_hidden

    @property
    def country(self) -> str:
        """Return the two-letter country of the number, "" when it has none."""
        return phone_numbers.country_of(self.call.outside_number)

    @property
    def known(self) -> Sequence[Contact]:
        """The contact, or all of those of whom one may have called."""
        return [self.contact] if self.contact else self.candidates

    @property
    def known_ids(self) -> str:
        """The contacts that the card offers; those who get the number later are not among them."""
        return ",".join(str(person.id) for person in self.candidates)

    @property
    def own_number(self) -> str:
        """The number of a stranger, "" where the client is a contact or hides it."""
        return "" if self.known else self.call.outside_number

    def is_with(self, lead: Lead) -> bool:
        """Whether a lead is of who calls, or came from the number of a stranger."""
        if lead.contact_id is not None:
            return lead.contact_id in {person.id for person in self.known}
        return bool(lead.number) and lead.number in forms_of(self.own_number)

    def leads_of(self, person: Contact) -> list[Lead]:
        """List the open leads of one of those who may have called."""
        return [lead for lead in self.leads if lead.contact_id == person.id]


def row_of(call: Call, state: CardState, wrapup: CallWrapup | None, user: User) -> Card:
    """Say of a call what its row shows: who it is, how long it rings or how long one talks."""
    contact, candidates = named_to(user, call)
    return Card(
        call=call,
        state=state,
        wrapup=wrapup,
        contact=contact,
        candidates=candidates,
        talk_seconds=seconds_of_talk(call, state, user),
        ring_seconds=seconds_of_ring(call, state, user),
    )


def rows_of(
    shown: Iterable[tuple[Call, CardState, CallWrapup | None]], user: User
) -> dict[int, Card]:
    """Make the rows of some calls with what is open with each, by the ids of the calls."""
    rows = [row_of(*one, user) for one in shown]
    found = [
        *leads.open_leads({person.id for row in rows for person in row.known}, user),
        *leads.open_leads_of_numbers({row.own_number for row in rows}, user),
    ]
    return {
        row.call.id: replace(row, leads=[lead for lead in found if row.is_with(lead)])
        for row in rows
    }


def card_of(call: Call, state: CardState, wrapup: CallWrapup | None, user: User) -> Card:
    """Make the card of one call for one user."""
    row = rows_of([(call, state, wrapup)], user)[call.id]
    contact, known, open_leads = row.contact, row.known, row.leads
    # Everybody whose phone rings sees the name, also of a colleague's client; the rest is for those
    # who may open the contact.
    theirs = contact if contact is not None and rights.may_open(user, contact) else None
    return replace(
        row,
        from_bin=() if known else contacts.in_bin_with([call.outside_number], user),
        is_known=bool(known) or any(who_is_it(call)),
        leads=open_leads,
        next_task=next_task(theirs, open_leads, user) if theirs else None,
        history=last_contacts(theirs, call, user) if theirs else (),
        last_write_up=last_write_up(theirs, call) if theirs else None,
        passed_by=passed_by(call, user),
        names_line=has_other_lines(call),
    )


def has_other_lines(call: Call) -> bool:
    """Whether calls came over another line, too: else each card would say the same number."""
    # Two looks into the index of the lines, however many calls there are.
    higher = select(Call.id).where(Call.did > call.did).limit(1)
    lower = select(Call.id).where(Call.did < call.did, Call.did > "").limit(1)
    return bool(call.did) and bool(db.session.scalar(select(or_(higher.exists(), lower.exists()))))


def named_to(user: User, call: Call) -> tuple[Contact | None, list[Contact]]:
    """Find the other side of a call, as far as it may be named to a user."""
    contact, candidates = who_is_it(call)
    is_named = contact is not None and may_name(call, contact, user)
    return (contact if is_named else None), only_named(call, candidates, user)


def who_is_it(call: Call) -> tuple[Contact | None, list[Contact]]:
    """Find the other side of a call: the one contact it is, else all who share the number."""
    attached = call.contact if call.contact and call.contact.deleted_at is None else None
    if attached and call.contact_is_chosen:
        return attached, []
    found = contacts.matching(call.outside_number) if call.outside_number else []
    if len(found) > 1:
        return None, found
    return (found[0] if found else attached), []


def next_task(contact: Contact, about: Sequence[Lead], user: User) -> Task | None:
    """Find what is to be done next for a contact or about a lead of theirs, None when nothing."""
    return db.session.scalar(
        rights.allowed(user, Task, Verb.VIEW)
        .where(
            or_(Task.contact_id == contact.id, Task.lead_id.in_([lead.id for lead in about])),
            Task.completed_at.is_(None),
        )
        .order_by(Task.due_at.is_(None), Task.due_at, Task.id)
        .limit(1)
    )


def last_write_up(contact: Contact, call: Call) -> CallWrapup | None:
    """Find what was written up last about a contact's calls before this one."""
    return db.session.scalar(
        select(CallWrapup)
        .join(Call, Call.id == CallWrapup.call_id)
        .where(with_contact(contact), Call.id != call.id, CallWrapup.saved_at.is_not(None))
        .order_by(Call.started_at.desc(), Call.id.desc(), CallWrapup.saved_at.desc())
        .limit(1)
        .options(joinedload(CallWrapup.user), contains_eager(CallWrapup.call))
    )


def last_contacts(contact: Contact, call: Call, user: User) -> list[Contacted]:
    """List the last three times that we had to do with a contact, this call left out.

    What is still to be done has not happened: it is not among them.
    """
    found = [*_calls(contact, call), *_notes(contact), *_tasks_done(contact, user)]
    return sorted(found, key=lambda item: item.at, reverse=True)[:SHOWN_CONTACTS]


def _calls(contact: Contact, call: Call) -> list[Contacted]:
    rows = db.session.scalars(
        select(Call)
        .where(with_contact(contact), Call.id != call.id, Call.direction != Direction.INTERNAL)
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
        Note.of(RecordKind.CONTACT, contact.id)
        .add_columns(User.name)
        .outerjoin(User, User.id == Note.user_id)
        .limit(SHOWN_CONTACTS)
    )
    return [Contacted("note", note.created_at, note.text, name or "") for note, name in rows]


def _tasks_done(contact: Contact, user: User) -> list[Contacted]:
    rows = db.session.scalars(
        rights.allowed(user, Task, Verb.VIEW)
        .where(Task.contact_id == contact.id, Task.completed_at.is_not(None))
        .order_by(Task.completed_at.desc(), Task.id.desc())
        .limit(SHOWN_CONTACTS)
        .options(joinedload(Task.assignee))
    )
    return [
        Contacted("done", row.completed_at, row.title, row.assignee.name if row.assignee else "")
        for row in rows
        if row.completed_at
    ]
