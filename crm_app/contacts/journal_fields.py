"""What the journal keeps of contacts, so that any change of one can be undone."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from crm_app import search_text
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import (
    Contact,
    ContactEmail,
    ContactKind,
    ContactPhone,
    NotThisPerson,
)
from crm_app.contacts.search_document import refresh_people, searchable
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import Column, Value, plain, typed
from crm_app.records.fields import kept


class Phones:
    """The numbers of a contact, in their order."""

    name = "phones"

    def read(self, contact: Contact) -> Value:
        """Copy number, kind, and whether it is called first, of each."""
        rows = [[phone.number, str(phone.kind), phone.is_main] for phone in contact.phones]
        return {"value": rows}

    def write(self, contact: Contact, value: Any) -> None:
        """Replace the numbers of the contact by these."""
        known = {phone.number: phone for phone in contact.phones}
        phones = []
        for position, (number, kind, is_main) in enumerate(value):
            phone = known.get(number) or ContactPhone(number=number)
            phone.kind, phone.is_main, phone.position = kind, is_main, position
            phones.append(phone)
        contact.phones = phones


class Emails:
    """The e-mail addresses of a contact, in their order."""

    name = "emails"

    def read(self, contact: Contact) -> Value:
        """Copy the addresses."""
        return {"value": [email.address for email in contact.emails]}

    def write(self, contact: Contact, value: Any) -> None:
        """Replace the addresses of the contact by these."""
        known = {email.address: email for email in contact.emails}
        contact.emails = [known.get(address) or ContactEmail(address=address) for address in value]
        for position, email in enumerate(contact.emails):
            email.position = position


class RefusedNumbers:
    """The numbers from which calls are not with a contact, with who said so and when."""

    name = "refused_numbers"

    def read(self, contact: Contact) -> Value:
        """Copy what was said."""
        rows = db.session.scalars(
            select(NotThisPerson)
            .where(NotThisPerson.contact_id == contact.id)
            .order_by(NotThisPerson.number)
        )
        return {"value": [[row.number, row.user_id, plain(row.created_at)] for row in rows]}

    def write(self, contact: Contact, value: Any) -> None:
        """Remember this and nothing else."""
        # One by one: what waits for a number hears of each.
        theirs = select(NotThisPerson).where(NotThisPerson.contact_id == contact.id)
        known = {row.number: row for row in db.session.scalars(theirs)}
        for number in known.keys() - {number for number, _, _ in value}:
            db.session.delete(known[number])
        for number, user_id, at in value:
            row = known.get(number) or NotThisPerson(number=number, contact_id=contact.id)
            row.user_id, row.created_at = user_id, typed(row, "created_at", at)
            db.session.add(row)


PHONES, EMAILS = Phones(), Emails()


def derive(contact: Contact) -> None:
    """Write what a contact is sorted and found by."""
    contact.sort_name = search_text.normalise(contact.name)[:200]
    contact.search_text = searchable(contact)


def refuse_leaving_people(contact: Contact) -> None:
    """Raise InvalidInputError("company_has_people") for a company that is to be a person."""
    people = select(Contact.id).where(
        Contact.company_id == contact.id, Contact.deleted_at.is_(None)
    )
    if db.session.scalar(people.limit(1)) is not None:
        raise InvalidInputError("company_has_people", "kind")


def _settle(contact: Contact, fields: Collection[str]) -> None:
    if "kind" in fields and contact.kind != ContactKind.COMPANY:
        refuse_leaving_people(contact)
    company = contact.company if "company" in fields else None
    if company is not None and company.kind != ContactKind.COMPANY:
        raise InvalidInputError("company_unknown", "company_id")
    derive(contact)
    if "name" in fields:
        refresh_people(contact)


CONTACT = keep(
    Keeping(
        RecordKind.CONTACT,
        Contact,
        (
            *kept(ContactDraft, PHONES, EMAILS),
            RefusedNumbers(),
            Column("deleted_at"),
        ),
        opposites={
            "deleted": "restored",
            "restored": "deleted",
            "not_this_person": "this_person_again",
            "this_person_again": "not_this_person",
        },
        settle=_settle,
    )
)
