"""The text that a contact is found by: names, addresses and numbers."""

import re

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from crm_app import phone_numbers, search_text
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.phone_pairs import equivalents
from crm_app.records.fields import searched
from crm_app.records.purge import before_purge

_NOT_DIGITS = re.compile(r"\D")


def searchable(contact: Contact) -> str:
    """Return the normalised text that a contact is found by."""
    parts = [*searched(ContactDraft, contact), contact.company.name if contact.company else ""]
    parts += [email.address for email in contact.emails]
    for phone in contact.phones:
        parts += digits_of(phone.number)
    return search_text.normalise(" ".join(part for part in parts if part))


def digits_of(number: str) -> list[str]:
    """List the digits by which a number (E.164) is found, in each form in which it is written."""
    others = [_NOT_DIGITS.sub("", other) for other in equivalents(number)]
    digits = _NOT_DIGITS.sub("", number)
    national = _NOT_DIGITS.sub("", phone_numbers.show_at_home(number))
    # The national form is usually the end of the whole number; a trunk 0 makes it another.
    return [*others, digits] if national in digits else [*others, digits, national]


def refresh_people(company: Contact) -> None:
    """Write the new name of a company into the texts that its people are found by."""
    people = db.session.scalars(
        select(Contact)
        .where(Contact.company_id == company.id)
        .options(selectinload(Contact.phones), selectinload(Contact.emails))
    )
    for person in people:
        person.search_text = searchable(person)


@before_purge(Contact)
def _forget_company(company: Contact) -> None:
    """Take the name of a company that goes out of what its people are found by."""
    for person in db.session.scalars(select(Contact).where(Contact.company_id == company.id)):
        person.company_id = None
        person.search_text = searchable(person)
