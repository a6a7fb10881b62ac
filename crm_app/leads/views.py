"""Pages of leads: the list, one lead, its form, the bin."""

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import Select
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.journal.forms import NoteForm
from crm_app.journal.story import notes_on
from crm_app.leads import new_lead, services, stages, wording
from crm_app.leads.forms import KIND_NAMES, LeadForm, contents_of
from crm_app.leads.listing import MINE, NOBODY, LeadFilter, recent_sources, sums
from crm_app.leads.models import Lead
from crm_app.paging import fetch_page
from crm_app.web.amounts import write_cents
from crm_app.web.conflict import Change
from crm_app.web.fragments import page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

bp = Blueprint("leads", __name__, url_prefix="/leads")
BOX_LENGTH, PAGE_LENGTH = 10, 500
Answer = str | tuple[str, int] | Response


def lead_or_404(lead_id: int, *, in_bin: bool = False) -> Lead:
    """Fetch a lead that the user may see and change; one in the bin only when asked for."""
    lead = _find(services.visible_to(me()), lead_id)
    if lead is None and in_bin:
        lead = _find(services.binned_for(me()), lead_id)
    return lead if lead is not None else abort(404)


def _find(among: Select[Lead], lead_id: int) -> Lead | None:
    return db.session.scalar(
        among.where(Lead.id == lead_id).options(
            joinedload(Lead.contact).selectinload(Contact.phones),
            joinedload(Lead.stage),
            joinedload(Lead.responsible),
        )
    )


@bp.get("")
def index() -> Answer:
    """List the leads, the newest first, narrowed as the address says, with the sums of them."""
    narrowed_by, all_stages = _filter(), db.session.scalars(stages.in_order()).all()
    visible = services.visible_to(me())
    narrowed = narrowed_by.narrow(visible, all_stages, me())
    page = fetch_page(
        db.session(),
        narrowed.options(
            joinedload(Lead.contact), joinedload(Lead.stage), joinedload(Lead.responsible)
        ),
        [Lead.created_at, Lead.id],
        cursor=request.args.get("cursor", ""),
        descending=True,
    )
    return page_or_fragment(
        "leads/index.html",
        "leads/_list.html",
        listing=page,
        sums=sums(narrowed),
        narrowed_by=narrowed_by,
        stages=all_stages,
        kinds=KIND_NAMES,
        users=colleagues(),
        sources=recent_sources(visible),
    )


def _filter() -> LeadFilter:
    responsible = request.args.get("responsible", "")
    if responsible not in {NOBODY, MINE}:
        responsible = str(read_id(responsible) or "")
    return LeadFilter(
        stage_id=read_id(request.args.get("stage")),
        kind=request.args.get("state", ""),
        responsible=responsible,
        source=request.args.get("source", "").replace("\x00", "")[:60],
        q=request.args.get("q", "").replace("\x00", "").strip()[:200],
    )


@bp.get("/<int:lead_id>")
def show(lead_id: int) -> Answer:
    """Show all about one lead; one in the bin can be restored from here."""
    lead = lead_or_404(lead_id, in_bin=True)
    return render_lead(lead, NoteForm(formdata=None))


def render_lead(lead: Lead, note_form: NoteForm) -> str:
    """Render a lead's page, or for htmx the part of it that a button on it changes."""
    return page_or_fragment(
        "leads/show.html",
        "leads/_lead.html",
        lead=lead,
        stages=db.session.scalars(stages.in_order()).all(),
        notes=notes_on(services.RECORD, lead.id),
        note_form=note_form,
        history=wording.STORY.of(lead.id),
    )


@bp.post("/<int:lead_id>/notes")
def add_note(lead_id: int) -> Answer:
    """Leave a note on a lead."""
    lead, form = lead_or_404(lead_id), NoteForm()
    if not form.keep(services.RECORD, lead.id, me()):
        return _with_notes(lead, form), 422
    db.session.commit()
    if wants_fragment():
        return _with_notes(lead, NoteForm(formdata=None))
    return see_other(url_for(".show", lead_id=lead.id, _anchor="notes"))


def _with_notes(lead: Lead, form: NoteForm) -> str:
    if not wants_fragment():
        return render_lead(lead, form)
    notes = notes_on(services.RECORD, lead.id)
    return render_template("leads/_notes.html", lead=lead, notes=notes, note_form=form)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a lead, prefilled from the address; with the number of a stranger, a contact too."""
    form = LeadForm(data=new_lead.prefilled(request.args, me()))
    _offer(form, None)
    if not new_lead.only_searches() and form.validate_on_submit():
        contact = new_lead.contact_for(form, me())
        if not form.errors:
            lead = new_lead.create(form, contact, me())
            db.session.commit()
            toast(_("The lead was created."), undo_url=url_for(".delete", lead_id=lead.id))
            return see_other(_page_of(lead))
    return _form_page(form, None)


@bp.route("/<int:lead_id>/edit", methods=["GET", "POST"])
def edit(lead_id: int) -> Answer:
    """Change a lead; whoever saves second is told what the first one changed."""
    lead = lead_or_404(lead_id)
    form = LeadForm(data=contents_of(lead))
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
        services.locked(lead, form.read_version)
    except ConflictError:
        return _conflict(form, lead)
    contact_id = contact.id if contact else None
    services.update_lead(
        lead, me(), title=form.title.data, contact_id=contact_id, **new_lead.said(form)
    )
    db.session.commit()
    toast(_("The lead was saved."))
    return see_other(_page_of(lead))


def _conflict(form: LeadForm, lead: Lead) -> Answer:
    missed = wording.STORY.missed(lead.id, lead.version - form.read_version)
    newest = LeadForm(formdata=None, data=contents_of(lead))
    _offer(newest, lead)
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
        **new_lead.picker(form.contact_id.data, me(), lead.contact if lead else None),
        changes=changes or [],
        example=write_cents(123456, get_locale()),
    )
    return page, code or (422 if form.errors else 200)


def _page_of(lead: Lead) -> str:
    # Who may see only own leads and gave this one away cannot open it any more.
    still_mine = services.visible_to(me()).where(Lead.id == lead.id)
    if db.session.scalar(still_mine) is None:
        return url_for(".index")
    return url_for(".show", lead_id=lead.id)


@bp.post("/<int:lead_id>/delete")
def delete(lead_id: int) -> Answer:
    """Put a lead in the bin, with undo."""
    lead = lead_or_404(lead_id)
    services.delete(lead, me())
    db.session.commit()
    toast(_("The lead is in the bin."), undo_url=url_for(".restore", lead_id=lead.id))
    return see_other(url_for(".index"))


@bp.post("/<int:lead_id>/restore")
def restore(lead_id: int) -> Answer:
    """Take a lead out of the bin."""
    lead = lead_or_404(lead_id, in_bin=True)
    services.restore(lead, me())
    db.session.commit()
    toast(_("The lead is back."))
    return see_other(url_for(".show", lead_id=lead.id))


@bp.get("/bin")
def bin() -> Answer:
    """List the deleted leads, the last deleted first."""
    page = fetch_page(
        db.session(),
        services.binned_for(me()).options(joinedload(Lead.contact), joinedload(Lead.stage)),
        [Lead.deleted_at, Lead.id],
        cursor=request.args.get("cursor", ""),
        descending=True,
    )
    return render_template("leads/bin.html", listing=page)


@bp.get("/for-contact/<int:contact_id>")
def for_contact(contact_id: int) -> Answer:
    """Show a contact's leads, open ones first, as a box for its page."""
    contact = new_lead.contact_or_404(contact_id, me())
    shown = BOX_LENGTH if wants_fragment() else PAGE_LENGTH
    statement = (
        services.visible_to(me())
        .join(Lead.stage)
        .where(Lead.contact_id == contact.id)
        .options(selectinload(Lead.stage), joinedload(Lead.responsible))
        .order_by(Lead.closed_at.is_not(None), Lead.created_at.desc(), Lead.id.desc())
        .limit(shown + 1)
    )
    found = db.session.scalars(statement).all()
    return page_or_fragment(
        "leads/for_contact.html",
        "leads/_box.html",
        contact=contact,
        leads=found[:shown],
        has_more=len(found) > shown,
    )
