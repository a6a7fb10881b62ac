"""Pages of leads: the list, one lead, the notes on it, the bin."""

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, allowed, fetch
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.journal.forms import NoteForm
from crm_app.journal.history import notes_on
from crm_app.journal.kinds import RecordKind
from crm_app.leads import stages, wording
from crm_app.leads.forms import KIND_NAMES
from crm_app.leads.listing import MINE, NOBODY, LeadFilter, Order, page_of, recent_sources, sums
from crm_app.leads.models import Lead
from crm_app.paging import fetch_page
from crm_app.records.bin import put_in_bin
from crm_app.records.bin import restore as take_out
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

bp = Blueprint("leads", __name__, url_prefix="/leads")
BOX_LENGTH, PAGE_LENGTH = 10, 500


def fetch_whole(lead_id: int, verb: Verb, place: Place = Place.OUTSIDE_BIN) -> Lead:
    """Fetch a lead with all that its page shows; NotFoundError unless the user may."""
    parts = (
        joinedload(Lead.contact).selectinload(Contact.phones),
        joinedload(Lead.stage),
        joinedload(Lead.responsible),
    )
    return fetch(Lead, lead_id, me(), verb, place=place, options=parts)


@bp.get("")
def index() -> Answer:
    """List the leads, narrowed and sorted as the address says, with the sums of them."""
    narrowed_by, all_stages = _filter(), db.session.scalars(stages.in_order()).all()
    visible = allowed(me(), Lead, Verb.VIEW)
    narrowed = narrowed_by.narrow(visible, all_stages, me())
    return page_or_fragment(
        "leads/index.html",
        "leads/_list.html",
        listing=page_of(narrowed, narrowed_by.order, request.args.get("cursor", "")),
        sums=sums(narrowed),
        narrowed_by=narrowed_by,
        stages=all_stages,
        kinds=KIND_NAMES,
        orders=wording.ORDER_NAMES,
        users=colleagues(),
        sources=recent_sources(visible),
    )


def _filter() -> LeadFilter:
    responsible, order = request.args.get("responsible", ""), request.args.get("sort", "")
    if responsible not in {NOBODY, MINE}:
        responsible = str(read_id(responsible) or "")
    return LeadFilter(
        stage_id=read_id(request.args.get("stage")),
        kind=request.args.get("state", ""),
        responsible=responsible,
        source=request.args.get("source", "").replace("\x00", "")[:60],
        q=request.args.get("q", "").replace("\x00", "").strip()[:200],
        order=Order(order) if order in set(Order) else Order.NEWEST,
    )


@bp.get("/<int:lead_id>")
def show(lead_id: int) -> Answer:
    """Show all about one lead; one in the bin can be restored from here."""
    lead = fetch_whole(lead_id, Verb.VIEW, Place.ANYWHERE)
    return render_lead(lead, NoteForm(formdata=None))


def render_lead(lead: Lead, note_form: NoteForm) -> str:
    """Render a lead's page, or for htmx the part of it that a button on it changes."""
    return page_or_fragment(
        "leads/show.html",
        "leads/_lead.html",
        lead=lead,
        stages=db.session.scalars(stages.in_order()).all(),
        notes=notes_on(RecordKind.LEAD, lead.id),
        note_form=note_form,
        history=wording.HISTORY.of(lead.id),
    )


@bp.get("/<int:lead_id>/notes")
def notes(lead_id: int) -> Answer:
    """List all notes on a lead, the newest first."""
    lead = fetch_whole(lead_id, Verb.VIEW, Place.ANYWHERE)
    page = notes_on(RecordKind.LEAD, lead.id, request.args.get("cursor", ""))
    return render_template("leads/notes.html", lead=lead, notes=page)


@bp.post("/<int:lead_id>/notes")
def add_note(lead_id: int) -> Answer:
    """Leave a note on a lead, also when somebody put it in the bin meanwhile."""
    lead, form = fetch_whole(lead_id, Verb.EDIT, Place.ANYWHERE), NoteForm()
    if not form.keep(RecordKind.LEAD, lead.id, me()):
        return _with_notes(lead, form), 422
    db.session.commit()
    if lead.deleted_at is not None:
        toast(_("The note was kept. %(name)s is in the bin.", name=lead.title), kind="warning")
    if wants_fragment():
        return _with_notes(lead, NoteForm(formdata=None))
    return see_other(url_for(".show", lead_id=lead.id, _anchor="notes"))


def _with_notes(lead: Lead, form: NoteForm) -> str:
    if not wants_fragment():
        return render_lead(lead, form)
    return render_template(
        "leads/_notes.html",
        lead=lead,
        notes=notes_on(RecordKind.LEAD, lead.id),
        note_form=form,
    )


@bp.post("/<int:lead_id>/delete")
def delete(lead_id: int) -> Answer:
    """Put a lead in the bin, with undo."""
    lead = fetch_whole(lead_id, Verb.DELETE)
    put_in_bin(lead, me())
    db.session.commit()
    toast(_("The lead is in the bin."), undo_url=url_for(".restore", lead_id=lead.id))
    return see_other(url_for(".index"))


@bp.post("/<int:lead_id>/restore")
def restore(lead_id: int) -> Answer:
    """Take a lead out of the bin."""
    lead = fetch_whole(lead_id, Verb.DELETE, Place.ANYWHERE)
    take_out(lead, me())
    db.session.commit()
    toast(_("The lead is back."))
    return see_other(url_for(".show", lead_id=lead.id))


@bp.get("/bin")
def bin() -> Answer:
    """List the deleted leads, the last deleted first."""
    page = fetch_page(
        db.session(),
        allowed(me(), Lead, Verb.VIEW, Place.BIN).options(
            joinedload(Lead.contact), joinedload(Lead.stage)
        ),
        [Lead.deleted_at, Lead.id],
        cursor=request.args.get("cursor", ""),
        descending=True,
    )
    return render_template("leads/bin.html", listing=page)


@bp.get("/for-contact/<int:contact_id>")
def for_contact(contact_id: int) -> Answer:
    """Show a contact's leads, open ones first, as a box for its page."""
    contact = fetch(Contact, contact_id, me(), Verb.VIEW)
    shown = BOX_LENGTH if wants_fragment() else PAGE_LENGTH
    statement = (
        allowed(me(), Lead, Verb.VIEW)
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
