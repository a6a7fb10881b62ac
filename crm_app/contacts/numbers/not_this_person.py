"""Who does not call from a number, although the number stands with them: said once, remembered."""

from sqlalchemy import delete, select

from crm_app.accounts.models import User
from crm_app.contacts.journal_fields import CONTACT
from crm_app.contacts.models import NUMBER_LENGTH, Contact, ContactPhone, NotThisPerson
from crm_app.extensions import db
from crm_app.journal.values import change
from crm_app.phone_pairs import forms_of
from crm_app.text import limited


def refuse(number: str, contact: Contact, by: User) -> None:
    """Remember that calls from a number are not with this contact; flushed.

    Raises InvalidInputError (too_long).
    """
    number = limited(number, "number", NUMBER_LENGTH)
    if db.session.get(NotThisPerson, (number, contact.id)) is None:
        refused = CONTACT.begin(contact)
        # However its country writes it: the look-up of a ringing phone asks for one of them.
        for form in forms_of(number):
            if db.session.get(NotThisPerson, (form, contact.id)) is None:
                db.session.add(NotThisPerson(number=form, contact_id=contact.id, user_id=by.id))
        shown = {"calls_from": change(number, None)}
        refused.write("not_this_person", by, shown, is_version=False)


def take_back(number: str, by: User, contact: Contact | None = None) -> None:
    """Let a number lead to this contact again, or without one to all who have it."""
    wanted = select(NotThisPerson).where(NotThisPerson.number.in_(forms_of(number)))
    if contact is not None:
        wanted = wanted.where(NotThisPerson.contact_id == contact.id)
    theirs: dict[int, list[NotThisPerson]] = {}
    for refusal in db.session.scalars(wanted):
        theirs.setdefault(refusal.contact_id, []).append(refusal)
    for contact_id, refusals in theirs.items():
        taken_back = CONTACT.begin(db.session.get_one(Contact, contact_id))
        for refusal in refusals:
            db.session.delete(refusal)
        shown = {"calls_from": change(None, number)}
        taken_back.write("this_person_again", by, shown, is_version=False)


def forget(contact: Contact, numbers: set[str]) -> None:
    """Forget what was said of numbers that somebody has just given to a contact."""
    if numbers and contact in db.session:
        forms = forms_of(*numbers)
        db.session.execute(
            delete(NotThisPerson).where(
                NotThisPerson.contact_id == contact.id, NotThisPerson.number.in_(forms)
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
