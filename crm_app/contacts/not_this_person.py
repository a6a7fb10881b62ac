"""Who does not call from a number, although the number stands with them: said once, remembered."""

from sqlalchemy import delete, select

from crm_app.accounts.models import User
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.services import record


def refuse(number: str, contact: Contact, by: User) -> None:
    """Remember that calls from a number are not with this contact; flushed."""
    if db.session.get(NotThisPerson, (number, contact.id)) is None:
        db.session.add(NotThisPerson(number=number, contact_id=contact.id, user_id=by.id))
        _record(contact.id, "not_this_person", by, [number, None])
        db.session.flush()


def take_back(number: str, by: User, contact: Contact | None = None) -> None:
    """Let a number lead to this contact again, or without one to all who have it."""
    wanted = select(NotThisPerson).where(NotThisPerson.number == number)
    if contact is not None:
        wanted = wanted.where(NotThisPerson.contact_id == contact.id)
    for refusal in db.session.scalars(wanted):
        _record(refusal.contact_id, "this_person_again", by, [None, number])
        db.session.delete(refusal)
    db.session.flush()


def forget(contact: Contact, numbers: set[str]) -> None:
    """Forget what was said of numbers that somebody has just given to a contact."""
    if numbers and contact in db.session:
        db.session.execute(
            delete(NotThisPerson).where(
                NotThisPerson.contact_id == contact.id, NotThisPerson.number.in_(numbers)
            )
        )


def refused_of(number: str) -> list[Contact]:
    """List the contacts outside the bin who have a number and do not call from it."""
    if not number:
        return []
    return list(
        db.session.scalars(
            select(Contact)
            .join(NotThisPerson, NotThisPerson.contact_id == Contact.id)
            .where(NotThisPerson.number == number, Contact.deleted_at.is_(None))
            .order_by(Contact.sort_name, Contact.id)
        )
    )


def numbers_of(contact: Contact) -> list[str]:
    """List the numbers from which calls are with this contact."""
    return list(
        db.session.scalars(
            select(ContactPhone.number).where(
                ContactPhone.contact_id == contact.id,
                ~NotThisPerson.holds(ContactPhone.number, contact.id),
            )
        )
    )


def _record(contact_id: int, action: str, by: User, calls_from: list[str | None]) -> None:
    record(RecordKind.CONTACT, contact_id, action, by, {"calls_from": calls_from})
