"""Pages of contacts: the list, one contact, and the choice of one for other forms."""

import re

from flask import Blueprint, abort, render_template, request
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, fetch
from crm_app.contacts import listing, picking, services, wording
from crm_app.contacts.forms import KIND_NAMES, PHONE_KIND_NAMES
from crm_app.contacts.models import NOUN, Contact, ContactKind
from crm_app.records.forms import NoteForm
from crm_app.records.views import add_bin, add_notes, notes_of
from crm_app.records.wording import facts_of
from crm_app.web.fragments import Answer, page_or_fragment, wants_fragment

bp = Blueprint("contacts", __name__, url_prefix="/contacts")
bp.add_app_template_global(picking.new_words_for)
bp.add_app_template_global(facts_of)
FIELD_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,40}")
# What the page of one shows.
WHOLE = (
    joinedload(Contact.responsible),
    joinedload(Contact.company),
    selectinload(Contact.phones),
    selectinload(Contact.emails),
)


def fetch_whole(contact_id: int, verb: Verb, place: Place = Place.OUTSIDE_BIN) -> Contact:
    """Fetch a contact with all that its page shows; NotFoundError unless the user may."""
    return fetch(Contact, contact_id, me(), verb, place=place, options=WHOLE)


@bp.get("")
def index() -> Answer:
    """List the contacts, narrowed and sorted as the address says."""
    filters = listing.ContactFilter.from_args(request.args)
    return page_or_fragment(
        "contacts/index.html",
        "contacts/_list.html",
        listing=listing.list_contacts(me(), filters, request.args.get("cursor", "")),
        filters=filters,
        users=[] if wants_fragment() else colleagues(),
        kinds=KIND_NAMES,
    )


@bp.get("/<int:contact_id>")
def show(contact_id: int) -> Answer:
    """Show all about one contact; one in the bin can only be restored."""
    contact = fetch_whole(contact_id, Verb.VIEW, Place.ANYWHERE)
    return _contact_page(contact, NoteForm(formdata=None))


def _contact_page(contact: Contact, note_form: NoteForm) -> str:
    if contact.is_in_bin:
        return render_template(
            "contacts/in_bin.html", contact=contact, **notes_of(contact, note_form)
        )
    return render_template(
        "contacts/show.html",
        contact=contact,
        **notes_of(contact, note_form),
        people=listing.people_of(contact, me()) if contact.kind == ContactKind.COMPANY else None,
        doubles=services.sharing_numbers(contact, me()),
        history=wording.HISTORY.of(contact.id),
        kinds=KIND_NAMES,
        phone_kinds=PHONE_KIND_NAMES,
    )


@bp.get("/<int:contact_id>/people")
def people(contact_id: int) -> Answer:
    """List all who work at a company."""
    company = fetch_whole(contact_id, Verb.VIEW)
    page = listing.people_of(company, me(), request.args.get("cursor", ""))
    return render_template("contacts/people.html", contact=company, people=page)


@bp.get("/choose")
def choose() -> Answer:
    """Offer the contacts that fit what was typed, as radio buttons named by `field`."""
    kind, field = request.args.get("kind", ""), request.args.get("field", "contact_id")
    if not FIELD_NAME.fullmatch(field):
        abort(404)
    wanted = ContactKind(kind) if kind in set(ContactKind) else None
    q = (request.args.get("q", "") or request.args.get(f"{field}-q", "")).strip()[:200]
    found = listing.find_contacts(me(), q, kind=wanted)
    return page_or_fragment(
        "contacts/choose.html",
        "contacts/_choices.html",
        found=found,
        name=field,
        query=q,
        kind=kind,
        new_words=picking.new_words_for(kind, found, q) if wants_fragment() else "",
    )


add_bin(
    bp,
    NOUN,
    wording.WORDS,
    detail=lambda contact: contact.responsible.name if contact.responsible else "",
    options=[joinedload(Contact.responsible)],
)
add_notes(bp, NOUN, wording.WORDS, _contact_page)
