"""Pages of contacts: the list, one contact, the bin, and the choice of one for other forms."""

import re

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, fetch, may_open
from crm_app.contacts import listing, picking, services, wording
from crm_app.contacts.forms import KIND_NAMES, PHONE_KIND_NAMES
from crm_app.contacts.models import Contact, ContactKind
from crm_app.extensions import db
from crm_app.journal.forms import NoteForm
from crm_app.journal.history import notes_on
from crm_app.journal.kinds import RecordKind
from crm_app.records.bin import put_in_bin
from crm_app.records.bin import restore as take_out
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

bp = Blueprint("contacts", __name__, url_prefix="/contacts")
MINE, NOBODY = "me", "nobody"
bp.add_app_template_global(picking.new_words_for)
FIELD_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,40}")


def fetch_whole(contact_id: int, verb: Verb, place: Place = Place.OUTSIDE_BIN) -> Contact:
    """Fetch a contact with all that its page shows; NotFoundError unless the user may."""
    parts = (
        joinedload(Contact.responsible),
        joinedload(Contact.company),
        selectinload(Contact.phones),
        selectinload(Contact.emails),
    )
    return fetch(Contact, contact_id, me(), verb, place=place, options=parts)


@bp.get("")
def index() -> Answer:
    """List the contacts, narrowed and sorted as the address says."""
    filters = _filters()
    return page_or_fragment(
        "contacts/index.html",
        "contacts/_list.html",
        listing=listing.list_contacts(me(), filters, request.args.get("cursor", "")),
        filters=filters,
        responsible=request.args.get("responsible", ""),
        users=[] if wants_fragment() else colleagues(),
        kinds=KIND_NAMES,
    )


def _filters() -> listing.Filters:
    args = request.args
    responsible, kind = args.get("responsible", ""), args.get("kind", "")
    return listing.Filters(
        q=args.get("q", "").replace("\x00", "").strip()[:200],
        responsible_id=me().id if responsible == MINE else read_id(responsible),
        is_nobodys=responsible == NOBODY,
        kind=ContactKind(kind) if kind in set(ContactKind) else None,
        do_not_call=args.get("do_not_call") == "1",
        order=listing.Order.NEWEST if args.get("sort") == "newest" else listing.Order.NAME,
    )


@bp.get("/<int:contact_id>")
def show(contact_id: int) -> Answer:
    """Show all about one contact; one in the bin can only be restored."""
    return _contact_page(
        fetch_whole(contact_id, Verb.VIEW, Place.ANYWHERE), NoteForm(formdata=None)
    )


def _contact_page(contact: Contact, note_form: NoteForm) -> str:
    notes = notes_on(RecordKind.CONTACT, contact.id)
    is_binned = contact.deleted_at is not None
    if wants_fragment() or is_binned:
        return page_or_fragment(
            "contacts/in_bin.html",
            "contacts/_notes.html",
            contact=contact,
            notes=notes,
            note_form=note_form,
        )
    return render_template(
        "contacts/show.html",
        contact=contact,
        notes=notes,
        note_form=note_form,
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


@bp.get("/<int:contact_id>/notes")
def notes(contact_id: int) -> Answer:
    """List all notes on a contact, the newest first."""
    contact = fetch_whole(contact_id, Verb.VIEW, Place.ANYWHERE)
    page = notes_on(RecordKind.CONTACT, contact.id, request.args.get("cursor", ""))
    return render_template("contacts/notes.html", contact=contact, notes=page)


@bp.post("/<int:contact_id>/notes")
def add_note(contact_id: int) -> Answer:
    """Leave a note on a contact, also on one that went to the bin while it was typed."""
    contact, form = fetch_whole(contact_id, Verb.EDIT, Place.ANYWHERE), NoteForm()
    if not form.keep(RecordKind.CONTACT, contact.id, me()):
        return _contact_page(contact, form), 422
    db.session.commit()
    if contact.deleted_at is not None:
        toast(_("The note was kept. %(name)s is in the bin.", name=contact.name), kind="warning")
    if wants_fragment():
        return _contact_page(contact, NoteForm(formdata=None))
    return see_other(url_for(".show", contact_id=contact.id, _anchor="notes"))


@bp.post("/<int:contact_id>/delete")
def delete(contact_id: int) -> Answer:
    """Put a contact into the bin, with undo."""
    contact = fetch_whole(contact_id, Verb.DELETE)
    put_in_bin(contact, me())
    db.session.commit()
    toast(
        _("%(name)s is in the bin.", name=contact.name),
        undo_url=url_for(".restore", contact_id=contact.id),
    )
    return see_other(url_for(".index"))


@bp.post("/<int:contact_id>/restore")
def restore(contact_id: int) -> Answer:
    """Take a contact out of the bin."""
    contact = fetch_whole(contact_id, Verb.DELETE, Place.ANYWHERE)
    take_out(contact, me())
    db.session.commit()
    toast(_("%(name)s is back.", name=contact.name))
    return see_other(url_of(contact))


@bp.get("/bin")
def bin() -> Answer:
    """List the deleted contacts, the last deleted first."""
    page = listing.list_bin(me(), request.args.get("cursor", ""))
    return render_template("contacts/bin.html", page=page)


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


def url_of(contact: Contact) -> str:
    """Give the contact's page, or the list for who gave it away and may not see it any more."""
    if not may_open(me(), contact):
        return url_for("contacts.index")
    return url_for("contacts.show", contact_id=contact.id)
