"""The form of a lead: made, changed, and changed by two people at once."""

from typing import Any

from flask import request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app import phone_numbers
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.contacts import picking
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads import services, stages, wording
from crm_app.leads.forms import LeadForm, prefilled, read_number
from crm_app.leads.models import NOUN, Lead
from crm_app.leads.views import WHOLE, bp
from crm_app.records.edit_views import Editing
from crm_app.web.display.amounts import write_cents
from crm_app.web.display.formatting import phone
from crm_app.web.toasts import toast
from crm_app.web.wording import doubt, reason


class LeadEditing(Editing[Lead, LeadForm]):
    """The form of a lead; with the number of a stranger it makes a contact too."""

    noun, form, history = NOUN, LeadForm, wording.HISTORY
    template = "leads/edit.html"
    added, saved = _l("The lead was created."), _l("The lead was saved.")
    options = WHOLE

    def prefilled(self) -> dict[str, Any]:
        """Read from the address what a link to the form knows."""
        return prefilled(request.args, me())

    def offer(self, form: LeadForm, lead: Lead | None) -> None:
        """Fill the choices of stage, responsible and currency."""
        form.offer(db.session.scalars(stages.in_order()), db.session.scalars(User.enabled()), lead)

    def only_changes_form(self, _form: LeadForm) -> bool:
        """Look for a contact when only that was asked."""
        return picking.only_searches()

    def check(self, form: LeadForm, lead: Lead | None) -> bool:
        """Check the contact that a lead already there gets; a new one makes its own."""
        if lead is not None:
            picking.chosen(form.contact_id, me(), lead.contact)
        return not form.errors

    def create(self, form: LeadForm) -> Lead | None:
        """Add the lead, with its contact."""
        return _create(form, me())

    def save(self, form: LeadForm, lead: Lead) -> None:
        """Change the lead."""
        contact = picking.chosen(form.contact_id, me(), lead.contact)
        contact = contact or picking.make(form.contact_id, me())
        services.update_lead(lead, form.draft(contact), me())

    def shown(self, form: LeadForm, lead: Lead | None) -> dict[str, Any]:
        """Return the chosen contact, and how an amount is written here."""
        picked = picking.shown(form.contact_id, me(), lead.contact if lead else None)
        return {**picked, "example": write_cents(123456, get_locale())}


LeadEditing().add_to(bp)


def _create(form: LeadForm, user: User) -> Lead | None:
    """Make the lead that the valid form describes, with its contact; the caller commits.

    None when something is wrong, which is then said on the form's fields.
    """
    stage = None
    try:
        if "stage_id" in form:
            stage = services.stage_for_update(form.stage_id.data)
    except InvalidInputError as error:
        form.stage_id.errors = [wording.refusal(error)]
    contact = _contact_for(form, user) if not form.errors else None
    if form.errors:
        return None
    return services.create_lead(form.draft(contact), user, stage=stage)


def _contact_for(form: LeadForm, user: User) -> Contact | None:
    """Return the chosen contact, or a new one when a name or number was typed instead.

    What is wrong is said on the form's fields.
    """
    contact = picking.chosen(form.contact_id, user, None)
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
            _("A contact is already chosen. Clear the name and the number, or remove the contact.")
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


def _read_number(form: LeadForm) -> phone_numbers.Read:
    if not form.number.data:
        return phone_numbers.Read("")
    try:
        return read_number(form.number.data)
    except InvalidInputError as error:
        form.number.errors = [reason(error)]
        return phone_numbers.Read("")


def _is_theirs(form: LeadForm, number: str, contact: Contact) -> bool:
    """Whether nothing was typed about somebody new but a number of the chosen contact."""
    return not form.contact_name.data and number in {phone.number for phone in contact.phones}
