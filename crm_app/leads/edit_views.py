"""The form of a lead: made, changed, and changed by two people at once."""

from flask import render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from crm_app import phone_numbers
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb, may_open
from crm_app.contacts import picking
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.leads import services, stages, wording
from crm_app.leads.forms import LeadForm, prefilled, read_number
from crm_app.leads.models import Lead
from crm_app.leads.views import bp, fetch_whole
from crm_app.records.bin import restore
from crm_app.records.versions import hold_version
from crm_app.web import once
from crm_app.web.conflict import Change
from crm_app.web.display.amounts import write_cents
from crm_app.web.display.formatting import phone
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast
from crm_app.web.wording import doubt, reason


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a lead, prefilled from the address; with the number of a stranger, a contact too."""
    form, lead = LeadForm(data=prefilled(request.args, me())), None
    _offer(form, None)
    if not picking.only_searches() and form.validate_on_submit():
        lead = once.made(Lead, lambda: _create(form, me()))
    if lead is None:
        return _form_page(form, None)
    db.session.commit()
    # Who gave it away at once may not take it back.
    undo_url = url_for(".delete", lead_id=lead.id) if may_open(me(), lead) else ""
    toast(_("The lead was created."), undo_url=undo_url)
    return see_other(_page_of(lead))


@bp.route("/<int:lead_id>/edit", methods=["GET", "POST"])
def edit(lead_id: int) -> Answer:
    """Change a lead; whoever saves second is told what the first one changed."""
    lead = fetch_whole(lead_id, Verb.EDIT, _place())
    form = LeadForm(data=LeadForm.contents_of(lead))
    _offer(form, lead)
    if not form.is_submitted():
        form.show_version(lead.version)
        return _form_page(form, lead)
    if picking.only_searches():
        return _form_page(form, lead, code=200)
    is_valid = form.validate()
    contact = picking.chosen(form.contact_id, me(), lead.contact)
    if not is_valid or form.contact_id.errors:
        return _form_page(form, lead)
    try:
        hold_version(lead, form.read_version)
        contact = contact or picking.make(form.contact_id, me())
    except ConflictError:
        return _conflict(form, lead)
    services.update_lead(lead, form.draft(contact), me())
    # Who was told that it is in the bin and saves all the same wants it back.
    restore(lead, me())
    return _saved(lead)


def _place() -> Place:
    # What was typed is kept, also when somebody has put the record in the bin.
    return Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN


def _create(form: LeadForm, user: User) -> Lead | None:
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


def _contact_for(form: LeadForm, user: User) -> Contact | None:
    """Give the chosen contact, or a new one when a name or number was typed instead.

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


def _read_number(form: LeadForm) -> phone_numbers.Read:
    if not form.number.data:
        return phone_numbers.Read("")
    try:
        return read_number(form.number.data)
    except InvalidInputError as error:
        form.number.errors = [reason(error)]
        return phone_numbers.Read("")


def _is_theirs(form: LeadForm, number: str, contact: Contact) -> bool:
    """Tell whether nothing was typed about somebody new but a number of the chosen contact."""
    return not form.contact_name.data and number in {phone.number for phone in contact.phones}


def _saved(lead: Lead) -> Answer:
    db.session.commit()
    toast(_("The lead was saved."))
    return see_other(_page_of(lead))


def _conflict(form: LeadForm, lead: Lead) -> Answer:
    missed = wording.HISTORY.missed(lead.id, lead.version - form.read_version)
    newest = LeadForm(formdata=None, data=LeadForm.contents_of(lead))
    _offer(newest, lead)
    if form.agrees_with(newest) and lead.deleted_at is None:
        return _saved(lead)
    form.rebase(newest, lead.version)
    return _form_page(form, lead, missed, code=409)


def _offer(form: LeadForm, lead: Lead | None) -> None:
    form.offer(db.session.scalars(stages.in_order()), db.session.scalars(User.enabled()), lead)


def _form_page(
    form: LeadForm, lead: Lead | None, changes: list[Change] | None = None, code: int = 0
) -> Answer:
    page = render_template(
        "leads/edit.html",
        form=form,
        lead=lead,
        **picking.shown(form.contact_id, me(), lead.contact if lead else None),
        changes=changes,
        example=write_cents(123456, get_locale()),
    )
    return page, code or (422 if form.errors else 200)


def _page_of(lead: Lead) -> str:
    # Who may see only own leads and gave this one away cannot open it any more.
    return url_for(".show", lead_id=lead.id) if may_open(me(), lead) else url_for(".index")
