"""The form of a contact: made, changed, and changed by two people at once."""

from typing import Any

from flask import current_app, request
from flask_babel import lazy_gettext as _l

from crm_app import phone_numbers
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, find
from crm_app.contacts import listing, picking, services, wording
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.forms import PHONE_KIND_NAMES, ContactForm, EmailForm, PhoneForm
from crm_app.contacts.models import NOUN, Contact, ContactKind
from crm_app.contacts.views import WHOLE, bp
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.records.edit_views import Editing
from crm_app.records.fields import field_of
from crm_app.text import clean
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast


class ContactEditing(Editing[Contact, ContactForm]):
    """The form of a contact, with as many numbers and addresses as there are."""

    noun, form, history = NOUN, ContactForm, wording.HISTORY
    template = "contacts/edit.html"
    added, saved = _l("The contact was added."), _l("The contact was saved.")
    options = WHOLE

    def prefilled(self) -> dict[str, Any]:
        """Read name, number, kind and company_id from the address."""
        args = request.args
        number, kind = clean(_number_of_call())[:60], args.get("kind", "")
        shown = phone_numbers.show(number, current_app.config["DEFAULT_COUNTRY"])
        return {
            "name": field_of(ContactDraft, "name").fitting(args.get("name")),
            "kind": kind if kind in set(ContactKind) else str(ContactKind.PERSON),
            "company_id": str(read_id(args.get("company_id")) or ""),
            "responsible_id": str(me().id),
            "phones": [{"number": shown}],
            "emails": [{}],
        }

    def offer(self, form: ContactForm, contact: Contact | None) -> None:
        """Fill the choices, and let pass the numbers that are stored or came by a call."""
        known = [phone.number for phone in contact.phones] if contact else [_number_of_call()]
        form.accept(known)
        form.offer(db.session.scalars(User.enabled()), contact)

    def only_changes_form(self, form: ContactForm) -> bool:
        """Add or drop a row, or look for a company, when a button asked for it."""
        verb, _sign, name = request.form.get("row", "").partition(":")
        if verb == "add":
            form.add_row(name)
        elif verb == "drop":
            form.drop_row(name)
        return bool(verb)

    def check(self, form: ContactForm, contact: Contact | None) -> bool:
        """Check the company; a new contact whose number is in the bin is added only when asked."""
        is_known = _company_is_known(form, contact)
        is_new = contact is not None or form.makes_new.data or not _from_bin(form)
        return is_known and is_new

    def create(self, form: ContactForm) -> Contact:
        """Add the contact."""
        return services.create_contact(_draft(form), me())

    def save(self, form: ContactForm, contact: Contact) -> None:
        """Change the contact."""
        services.update_contact(contact, _draft(form), me())

    def warn(self, form: ContactForm) -> None:
        """Say of numbers that were saved what speaks against them."""
        for warning in form.warnings:
            toast(warning, kind="warning")

    def shown(self, form: ContactForm, contact: Contact | None) -> dict[str, Any]:
        """Return the rows, the company with what was found, and who in the bin has a number."""
        form.add_blank_rows()
        is_finding = picking.only_searches("company_id") or bool(form.company_id.errors)
        query = picking.typed("company_id")
        company = ContactKind.COMPANY
        return {
            "company": _company(form, contact),
            "from_bin": _from_bin(form) if contact is None else [],
            "found": listing.find_contacts(me(), query, kind=company) if is_finding else [],
            "query": query,
            "phone_kinds": PHONE_KIND_NAMES,
            "blank_phone": PhoneForm(),
            "blank_email": EmailForm(),
        }


ContactEditing().add_to(bp)


def _from_bin(form: ContactForm) -> list[Contact]:
    """Find who in the bin has one of the numbers: they may be the one who is to be added."""
    return services.in_bin_with([row.e164 or row.known_number for row in form.phones.filled], me())


def _number_of_call() -> str:
    # The address of the form keeps the number that a call's page has put there.
    return request.args.get("number", "")


def _draft(form: ContactForm) -> ContactDraft:
    """Return what was typed; a company that is not there yet is made."""
    draft = form.draft()
    if draft.kind == ContactKind.PERSON:
        company = picking.make(form.company_id, me(), ContactKind.COMPANY)
        return draft.but(company_id=company.id) if company else draft
    return draft


def _company_is_known(form: ContactForm, contact: Contact | None) -> bool:
    if form.kind.data == ContactKind.PERSON:
        picking.settle(form.company_id, me(), ContactKind.COMPANY)
    if form.company_id.errors:
        return False
    if read_id(form.company_id.data) is None or _company(form, contact) is not None:
        return True
    form.refuse(InvalidInputError("company_unknown", "company_id"))
    return False


def _company(form: ContactForm, contact: Contact | None) -> Contact | picking.Unmade | None:
    """Fetch the chosen company: one the user may see, or what the contact has already."""
    company_id = read_id(form.company_id.data)
    if company_id is None:
        return picking.unmade(form.company_id.data)
    if contact is not None and contact.company_id == company_id:
        return contact.company
    company = find(Contact, company_id, me(), Verb.VIEW)
    return company if company is not None and company.kind == ContactKind.COMPANY else None
