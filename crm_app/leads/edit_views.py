"""The form of a lead: made, changed, and changed by two people at once."""

from flask import render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb, may_open
from crm_app.contacts import picking
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.leads import new_lead, services, stages, wording
from crm_app.leads.forms import LeadForm
from crm_app.leads.models import Lead
from crm_app.leads.views import bp, fetch_whole
from crm_app.records.bin import restore
from crm_app.records.versions import hold_version
from crm_app.web import once
from crm_app.web.conflict import Change
from crm_app.web.display.amounts import write_cents
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a lead, prefilled from the address; with the number of a stranger, a contact too."""
    form, lead = LeadForm(data=new_lead.prefilled(request.args, me())), None
    _offer(form, None)
    if not new_lead.only_searches() and form.validate_on_submit():
        lead = once.made(Lead, lambda: new_lead.create(form, me()))
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
    if new_lead.only_searches():
        return _form_page(form, lead, code=200)
    is_valid = form.validate()
    contact = new_lead.chosen_contact(form, me(), lead)
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
        **new_lead.picker(form.contact_id, me(), lead.contact if lead else None),
        changes=changes,
        example=write_cents(123456, get_locale()),
    )
    return page, code or (422 if form.errors else 200)


def _page_of(lead: Lead) -> str:
    # Who may see only own leads and gave this one away cannot open it any more.
    return url_for(".show", lead_id=lead.id) if may_open(me(), lead) else url_for(".index")
