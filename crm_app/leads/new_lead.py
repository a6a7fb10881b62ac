"""From the typed form to a lead: which contact, who is responsible, what is kept."""

from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from flask_babel import gettext as _
from wtforms import Field

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, find
from crm_app.contacts import picking
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError
from crm_app.leads import services, wording
from crm_app.leads.forms import LeadForm
from crm_app.leads.models import Lead
from crm_app.text import clean
from crm_app.web.display.formatting import phone
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast
from crm_app.web.wording import doubt, reason


def prefilled(args: Mapping[str, str], user: User) -> dict[str, Any]:
    """Read what a link to the form already knows: contact_id, title, number, source, about.

    A number that belongs to exactly one contact stands for that contact.
    """
    number = _e164(args.get("number", ""))
    contact = find(Contact, read_id(args.get("contact_id")), user, Verb.VIEW)
    if contact is None and number:
        owners = contacts.matching(number)
        contact = find(Contact, owners[0].id, user, Verb.VIEW) if len(owners) == 1 else None
    title = clean(args.get("title"))[:200]
    if not title and number:
        title = _("Call from %(number)s", number=phone(number))
    return {
        "title": title,
        "contact_id": str(contact.id) if contact else "",
        "number": "" if contact else (phone(number) or args.get("number", "")[:40]),
        "source": clean(args.get("source"))[:60],
        "about": clean(args.get("about"))[:200],
        "responsible_id": str(user.id),
        "currency": "EUR",
    }


def _contact_for(form: LeadForm, user: User) -> Contact | None:
    """Give the chosen contact, or a new one when a name or number was typed instead.

    What is wrong is said on the form's fields.
    """
    contact = chosen_contact(form, user, None)
    unmade = picking.new_name(form.contact_id.data)
    if unmade:
        # The fields for somebody new say the same, and more.
        form.contact_name.data = form.contact_name.data or unmade
        form.contact_id.data = ""
    if form.contact_id.errors or not (form.contact_name.data or form.number.data):
        return contact
    number = _read_number(form)
    if contact is not None and not _is_theirs(form, number.number, contact):
        form.contact_name.errors = [
            _("A contact is chosen. Empty the name and the number, or choose none.")
        ]
    if contact is not None or form.errors:
        return contact
    if number.doubt:
        toast(f"{phone(number.number)}: {doubt(number.doubt)}", kind="warning")
    phones = [PhoneDraft(number.number)] if number.number else []
    name = form.contact_name.data or phone(number.number)
    return contacts.create_contact(
        ContactDraft(name=name, phones=phones, responsible_id=user.id), user
    )


def chosen_contact(form: LeadForm, user: User, lead: Lead | None) -> Contact | None:
    """Give the contact whose id or very name was sent; None for one that is still to be made.

    One the user may not see only if the lead had it.
    """
    picking.settle(form.contact_id, user)
    contact_id = read_id(form.contact_id.data)
    if lead is not None and contact_id is not None and contact_id == lead.contact_id:
        return lead.contact
    contact = find(Contact, contact_id, user, Verb.VIEW)
    if form.contact_id.data and contact is None and not picking.new_name(form.contact_id.data):
        form.contact_id.errors = [_("This contact cannot be chosen.")]
    return contact


def only_searches() -> bool:
    """Tell whether a form came only to look for a contact, from a browser without scripts."""
    return request.form.get("row") == "find:contact_id"


def picker(field: Field, user: User, own: Contact | None) -> dict[str, Any]:
    """Give what the field for choosing a contact shows: the chosen one, and what was found.

    `own` is the contact that the record has already, whoever may see it.
    """
    chosen = read_id(field.data)
    contact = (
        own if own is not None and own.id == chosen else find(Contact, chosen, user, Verb.VIEW)
    )
    query = picking.typed(field.name) if only_searches() or field.errors else ""
    return {
        "contact": contact or picking.unmade(field.data),
        "found": find_contacts(user, query) if query else [],
        "query": query,
    }


def create(form: LeadForm, user: User) -> Lead | None:
    """Make the lead that the valid form describes, with its contact; the caller commits.

    None when something is wrong, which is then said on the form's fields.
    """
    stage = None
    try:
        if "stage_id" in form:
            stage = services.held_stage(form.stage_id.data)
    except InvalidInputError as error:
        form.stage_id.errors = [wording.refusal(error)]
    contact = _contact_for(form, user) if not form.errors else None
    if form.errors:
        return None
    return services.create_lead(form.draft(contact), user, stage=stage)


def _e164(text: str) -> str:
    try:
        return _read(text).number
    except InvalidInputError:
        return ""


def _read_number(form: LeadForm) -> phone_numbers.Read:
    if not form.number.data:
        return phone_numbers.Read("")
    try:
        return _read(form.number.data)
    except InvalidInputError as error:
        form.number.errors = [reason(error)]
        return phone_numbers.Read("")


def _read(text: str) -> phone_numbers.Read:
    # The address of the form keeps the number that a call's page has put there.
    reported = [request.args.get("number", "")]
    return phone_numbers.read_known(text, current_app.config["DEFAULT_COUNTRY"], reported)


def _is_theirs(form: LeadForm, number: str, contact: Contact) -> bool:
    """Tell whether nothing was typed about somebody new but a number of the chosen contact."""
    return not form.contact_name.data and number in {phone.number for phone in contact.phones}
