"""Pages of leads: the list, one lead, the box on a contact's page."""

from flask import Blueprint, request
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, allowed, fetch
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads import stages, wording
from crm_app.leads.forms import KIND_NAMES
from crm_app.leads.listing import LeadFilter, page_of, recent_sources, sums
from crm_app.leads.models import NOUN, Lead
from crm_app.local_time import LocalTime
from crm_app.records.forms import NoteForm
from crm_app.records.views import add_bin, add_notes, notes_of
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import Answer, page_or_fragment, wants_fragment

bp = Blueprint("leads", __name__, url_prefix="/leads")
BOX_LENGTH, PAGE_LENGTH = 10, 500
# What the page of one shows.
WHOLE = (
    joinedload(Lead.contact).selectinload(Contact.phones),
    joinedload(Lead.stage),
    joinedload(Lead.responsible),
)


def fetch_whole(lead_id: int, verb: Verb, place: Place = Place.OUTSIDE_BIN) -> Lead:
    """Fetch a lead with all that its page shows; NotFoundError unless the user may."""
    return fetch(Lead, lead_id, me(), verb, place=place, options=WHOLE)


@bp.get("")
def index() -> Answer:
    """List the leads, narrowed and sorted as the address says, with the sums of them."""
    filters, local = LeadFilter.from_args(request.args), LocalTime.of(choose_timezone())
    visible = allowed(me(), Lead, Verb.VIEW)
    narrowed = visible.where(*filters.conditions(me(), local))
    names = recent_sources(visible)
    if filters.source and filters.source not in names:
        names.append(filters.source)
    return page_or_fragment(
        "leads/index.html",
        "leads/_list.html",
        listing=page_of(narrowed, filters.sort_order, request.args.get("cursor", "")),
        sums=sums(narrowed),
        filters=filters,
        stages=[(stage.id, stage.name) for stage in db.session.scalars(stages.in_order())],
        kinds=KIND_NAMES,
        orders=[*wording.ORDER_NAMES.items()],
        users=colleagues(),
        sources=[(name, name) for name in names],
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
        **notes_of(lead, note_form),
        history=wording.HISTORY.of(lead.id),
    )


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


add_bin(
    bp,
    NOUN,
    wording.WORDS,
    detail=lambda lead: lead.contact.name if lead.contact else "",
    options=[joinedload(Lead.contact), joinedload(Lead.stage)],
    mark="leads/_bin_mark.html",
)
add_notes(bp, NOUN, wording.WORDS, render_lead)
