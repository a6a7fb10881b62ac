"""What people do to calls: say whom a call was with, and which lead it was about.

Nothing here commits: the caller ends the transaction, so that several verbs can be one.
"""

from typing import Any

from sqlalchemy import select, update

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.calls import audience, next_tasks
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.numbers import not_this_person
from crm_app.extensions import db
from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.journal.values import Reference, Value
from crm_app.leads import services as leads
from crm_app.leads.models import Lead
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.purge import before_purge
from crm_app.records.undo import undo_batch
from crm_app.tasks import services as tasks

# Who is only a number has called a few times.
MOST_MOVED = 200


class WithWhom(Reference):
    """The contact of a call, and whether somebody chose it."""

    def read(self, call: Call) -> Value:
        """Copy both; the contact's name is what is shown."""
        contact = super().read(call)
        return {"value": [contact["value"], call.contact_is_chosen], "shown": contact["shown"]}

    def id_in(self, value: Any) -> int | None:
        """Give the contact's id."""
        contact_id: int | None = value[0]
        return contact_id

    def write(self, call: Call, value: Any) -> None:
        """Set both, and whose call it is."""
        contact_id, call.contact_is_chosen = value
        super().write(call, contact_id)
        _note_whom(call)


CALL = keep(Keeping(RecordKind.CALL, Call, (WithWhom("contact"), Reference("lead", "title"))))


def attach_contact(
    call: Call, contact: Contact | None, by: User, *, keeps_number: bool = False
) -> None:
    """Say whom a call was with (None: nobody we know); folding again does not undo it.

    Whom it was with until now, and who has the number, is not taken for the caller again. With
    `keeps_number` the contact is given the number, so that later calls find it.
    """
    before = call.contact
    _attach(call, contact, by, is_chosen=True)
    is_another = before is not None and before != contact
    gets_number = contact and (keeps_number or call.outside_number in contact.numbers)
    if before and contact and is_another and gets_number and not before.is_named:
        _move_all(before, contact, by)
    elif before and is_another and before in contacts.matching(call.outside_number):
        not_this_person.refuse(call.outside_number, before, by)
    if contact is not None:
        not_this_person.take_back(call.outside_number, by, contact)
    if keeps_number and contact is not None and phone_numbers.can_be_stored(call.outside_number):
        contacts.add_phone(contact, call.outside_number, PhoneKind.OTHER, by)


def _move_all(number: Contact, contact: Contact, by: User) -> None:
    """Let somebody have the calls and leads of a contact that was only their number."""
    theirs = select(Call).where(Call.contact_id == number.id).order_by(Call.pbx_call_id)
    for call in db.session.scalars(theirs.limit(MOST_MOVED)).all():
        _attach(call, contact, by, is_chosen=False)
    leads.move_to_contact(number, contact, by)
    tasks.move_to_contact(number, contact, by)
    put_in_bin(number, by)


def attach_new_client(call: Call, contact: Contact | None, lead: Lead | None) -> None:
    """Attach a call to the contact and the lead that were made of it; nobody has chosen them."""
    if contact is not None:
        _attach(call, contact, None, is_chosen=False)
    if lead is not None:
        attach_lead(call, lead, None)
        audience.announce(call)


def restore_contact(call: Call, contact_id: int | None, by: User) -> Contact | None:
    """Take a contact with the number of a call out of the bin, and attach the call to them.

    Gives None when it is nobody who had the number and whom this user may restore.
    """
    # A colleague whose phone rings too may have been quicker.
    known = contacts.in_bin_with([call.outside_number], by) + contacts.matching(call.outside_number)
    contact = next((person for person in known if person.id == contact_id), None)
    if contact is not None:
        restore(contact, by)
        attach_contact(call, contact, by)
    return contact


def match_contact(call: Call, by: User) -> None:
    """Undo the choice, for later calls too: the number decides again."""
    not_this_person.take_back(call.outside_number, by)
    found = contacts.matching(call.outside_number)
    _attach(call, found[0] if len(found) == 1 else None, by, is_chosen=False)


def attach_back(call: Call, batch: str, by: User) -> None:
    """Undo what a user did together when saying whom a call was with.

    Nothing is undone for a batch that is something else. Raises CannotUndoError.
    """
    ledger.lock(db.session.connection(), call.pbx_call_id)
    its = JournalEntry.of(RecordKind.CALL, call.id).where(
        JournalEntry.batch == batch, JournalEntry.user_id == by.id
    )
    if db.session.scalars(its).first() is not None:
        undo_batch(batch, by)


def attach_lead(call: Call, lead: Lead | None, by: User | None) -> None:
    """Say which lead a call was about."""
    ledger.lock(db.session.connection(), call.pbx_call_id)
    change = CALL.begin(call)
    call.lead = lead
    change.write("attached", by)


def _attach(call: Call, contact: Contact | None, by: User | None, *, is_chosen: bool) -> None:
    # A fact of this call may be about to write the contact that it has found.
    ledger.lock(db.session.connection(), call.pbx_call_id)
    db.session.refresh(call, ["contact_id", "contact_is_chosen"])
    change, before_id = CALL.begin(call), call.contact_id
    call.contact, call.contact_is_chosen = contact, is_chosen
    _note_whom(call)
    change.write("attached", by)
    next_tasks.let_follow(Call.id == call.id, before_id, contact.id if contact else None, by)


def _note_whom(call: Call) -> None:
    """Bring up to date what depends on whom a call was with: its owner, screens, call-backs."""
    call.responsible_id = call.contact.responsible_id if call.contact else None
    audience.announce(call)
    ledger.enqueue_again(db.session.connection(), call.pbx_call_id)


@before_purge(Contact)
def _forget_contact(contact: Contact) -> None:
    """Make the calls with a contact that goes those of a stranger again, whom nobody has."""
    db.session.execute(
        update(Call)
        .where(Call.contact_id == contact.id)
        .values(contact_is_chosen=False, responsible_id=None)
        .execution_options(synchronize_session=False)
    )
