"""What is done to contacts: made, changed, found by a number.

Nothing here commits: the caller ends the transaction, so that several verbs can be one.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.journal_fields import CONTACT, EMAILS, PHONES, derive, refuse_leaving_people
from crm_app.contacts.models import Contact, ContactKind, ContactPhone, PhoneKind, is_name
from crm_app.contacts.numbers import not_this_person
from crm_app.contacts.numbers.caller import find_callers
from crm_app.contacts.search_document import refresh_people, searchable
from crm_app.database import for_update
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of
from crm_app.records.fields import fetch, write

MOST_PHONES = 50
MOST_EMAILS = 50
MOST_FROM_BIN = 3


Follow = Callable[[Contact, str, User | None], None]
_when_named: list[Follow] = []


def when_named(follow: Follow) -> Follow:
    """Run a function when somebody gets a name who was only a number; it gets that, too."""
    _when_named.append(follow)
    return follow


Numbered = Callable[[Contact, set[str], User | None], None]
_when_numbered: list[Numbered] = []


def when_numbered(follow: Numbered) -> Numbered:
    """Run a function when a contact gets numbers (E.164) that it did not have."""
    _when_numbered.append(follow)
    return follow


def create_contact(draft: ContactDraft, by: User | None) -> Contact:
    """Add a contact; flushed, so that it has its id.

    Raises InvalidInputError (name_empty, number_twice, too_many_phones, too_many_emails,
    company_unknown, responsible_unknown).
    """
    contact = Contact()
    _apply(contact, draft.whole())
    db.session.add(contact)
    db.session.flush()
    CONTACT.created(contact, by)
    _tell_numbers(contact, set(), by)
    return contact


def update_contact(contact: Contact, draft: ContactDraft, by: User | None) -> Contact:
    """Change what a draft says about a contact; flushed.

    Raises InvalidInputError as create_contact, and company_has_people.
    """
    change, before, had = CONTACT.begin(contact), contact.name, set(contact.numbers)
    _apply(contact, draft.said)
    entry = change.write("changed", by)
    if entry is not None and "name" in entry.changes:
        refresh_people(contact)
    db.session.flush()
    if contact.is_named and not is_name(before):
        for follow in _when_named:
            follow(contact, before, by)
    _tell_numbers(contact, had, by)
    return contact


def add_phone(contact: Contact, number: str, kind: PhoneKind, by: User | None) -> ContactPhone:
    """Add a number (E.164) to a contact, or return the row that it has already; flushed.

    Raises InvalidInputError (too_many_phones, number_not_a_number).
    """
    draft = PhoneDraft(number, kind, is_main=not contact.phones)
    for_update(db.session, contact)
    known = next((phone for phone in contact.phones if phone.number == number), None)
    if known is not None:
        return known
    _refuse_many("phones", len(contact.phones) + 1, MOST_PHONES)
    change = CONTACT.begin(contact)
    not_this_person.forget(contact, {number})
    phone = ContactPhone(
        number=number, kind=kind, is_main=draft.is_main, position=len(contact.phones)
    )
    contact.phones.append(phone)
    contact.search_text = searchable(contact)
    change.write("changed", by)
    _tell_numbers(contact, set(contact.numbers) - {number}, by)
    return phone


def _tell_numbers(contact: Contact, had: set[str], by: User | None) -> None:
    gained = set(contact.numbers) - had
    for follow in _when_numbered if gained else ():
        follow(contact, gained, by)


def matching(number: str) -> list[Contact]:
    """Find the contacts that a number (E.164) belongs to, as `caller.find_callers` decides."""
    ids = [caller.contact_id for caller in find_callers(db.session.connection(), number)]
    if not ids:
        return []
    found = db.session.scalars(
        select(Contact).where(Contact.id.in_(ids)).options(selectinload(Contact.phones))
    )
    by_id = {contact.id: contact for contact in found}
    return [by_id[contact_id] for contact_id in ids]


def is_in_bin(number: str) -> bool:
    """Whether anybody in the bin has a number, in any format."""
    in_bin = Contact.id.in_(_having([number])) & Contact.deleted_at.is_not(None)
    return db.session.scalar(select(Contact.id).where(in_bin).limit(1)) is not None


def _having(numbers: Iterable[str]) -> Select[Any]:
    formats = forms_of(*filter(None, numbers))
    return select(ContactPhone.contact_id).where(ContactPhone.number.in_(formats))


def in_bin_with(numbers: Iterable[str], user: User) -> list[Contact]:
    """Find who in the bin has one of these numbers, in any format, and may be restored."""
    numbers = [number for number in numbers if number]
    if not numbers:
        return []
    theirs = _having(numbers)
    return list(
        db.session.scalars(
            rights.allowed(user, Contact, Verb.EDIT, Place.BIN)
            .where(Contact.id.in_(theirs))
            .order_by(Contact.deleted_at.desc(), Contact.id)
            .limit(MOST_FROM_BIN)
        )
    )


def sharing_numbers(contact: Contact, user: User) -> list[Contact]:
    """Find other contacts with one of this contact's numbers: perhaps the same person."""
    numbers = [phone.number for phone in contact.phones]
    if not numbers:
        return []
    return list(
        db.session.scalars(
            rights.allowed(user, Contact, Verb.VIEW)
            .where(
                Contact.id != contact.id,
                Contact.id.in_(
                    select(ContactPhone.contact_id).where(ContactPhone.number.in_(numbers))
                ),
            )
            .order_by(Contact.id)
            .limit(5)
        )
    )


def _apply(contact: Contact, said: dict[str, Any]) -> None:
    kind = said.get("kind", contact.kind)
    if "phones" in said:
        _set_phones(contact, said["phones"])
    if "emails" in said:
        _set_emails(contact, said["emails"])
    if contact.kind == ContactKind.COMPANY != kind:
        refuse_leaving_people(contact)
    company_id = None if kind == ContactKind.COMPANY else said.get("company_id", contact.company_id)
    # What nobody touched cannot be in the way, whatever has become of the company.
    if company_id != contact.company_id:
        _refuse_no_company(contact, company_id)
    write({**said, "company_id": company_id}, contact, ContactDraft)
    derive(contact)


def _refuse_doubles(numbers: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, number in enumerate(numbers):
        if number in seen:
            raise InvalidInputError("number_twice", f"phones-{index}", number=number)
        seen.add(number)


def _refuse_many(field: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInputError(f"too_many_{field}", field, most=most)


def _refuse_no_company(contact: Contact, company_id: int | None) -> None:
    company = fetch(Contact, company_id, "company_id")
    if company is not None and (company.kind != ContactKind.COMPANY or company.id == contact.id):
        raise InvalidInputError("company_unknown", "company_id")


def _set_phones(contact: Contact, drafts: list[PhoneDraft]) -> None:
    _refuse_doubles(phone.number for phone in drafts)
    # Who has more already may keep them.
    _refuse_many("phones", len(drafts), max(MOST_PHONES, len(contact.phones)))
    known = {phone.number for phone in contact.phones}
    not_this_person.forget(contact, {phone.number for phone in drafts} - known)
    main = next((i for i, phone in enumerate(drafts) if phone.is_main), 0)
    PHONES.write(contact, [(one.number, one.kind, i == main) for i, one in enumerate(drafts)])


def _set_emails(contact: Contact, addresses: list[str]) -> None:
    _refuse_many("emails", len(addresses), max(MOST_EMAILS, len(contact.emails)))
    EMAILS.write(contact, list(dict.fromkeys(addresses)))
