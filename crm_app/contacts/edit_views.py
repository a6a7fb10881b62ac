"""The form of a contact: made, changed, and changed by two people at once."""

from typing import Any

from flask import current_app, render_template, request, url_for
from flask_babel import gettext as _

from crm_app import phone_numbers
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb, find, may_open
from crm_app.contacts import listing, picking, services, wording
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.forms import (
    PHONE_KIND_NAMES,
    ContactForm,
    EmailForm,
    PhoneForm,
)
from crm_app.contacts.models import Contact, ContactKind
from crm_app.contacts.views import bp, fetch_whole
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.records.bin import restore
from crm_app.records.fields import field_of
from crm_app.records.views import url_of
from crm_app.text import clean
from crm_app.web import once
from crm_app.web.conflict import Change
from crm_app.web.fragments import Answer, see_other
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a contact, prefilled from the address (name, number, kind, company_id)."""
    form = ContactForm(data=_prefilled())
    # The address of the form keeps the number that a call's page has put there.
    form.accept([request.args.get("number", "")])
    form.offer(db.session.scalars(User.enabled()), None)
    if not form.is_submitted() or _change_rows(form):
        return _form_page(form, None, code=200)
    if form.validate() and _company_is_known(form, None):
        if _from_bin(form) and not form.makes_new.data:
            return _form_page(form, None, code=422)
        try:
            contact = once.made(Contact, lambda: services.create_contact(_draft(form), me()))
        except InvalidInputError as error:
            return _refused(form, None, error)
        db.session.commit()
        # Who gave it away at once may not take it back.
        undo_url = url_for(".delete", contact_id=contact.id) if may_open(me(), contact) else ""
        toast(_("The contact was added."), undo_url=undo_url)
        _warn(form)
        return see_other(url_of(contact))
    return _form_page(form, None, code=422)


@bp.route("/<int:contact_id>/edit", methods=["GET", "POST"])
def edit(contact_id: int) -> Answer:
    """Change a contact; whoever saves second is told what the first one changed."""
    contact = fetch_whole(contact_id, Verb.EDIT, _place())
    form = ContactForm(data=ContactForm.contents_of(contact))
    form.accept([phone.number for phone in contact.phones])
    form.offer(db.session.scalars(User.enabled()), contact)
    if not form.is_submitted():
        form.show_version(contact.version)
        return _form_page(form, contact, code=200)
    if _change_rows(form):
        return _form_page(form, contact, code=200)
    if not form.validate() or not _company_is_known(form, contact):
        return _form_page(form, contact, code=422)
    try:
        services.update_contact(contact, _draft(form), me(), form.read_version)
    except ConflictError:
        return _conflict(form, contact_id)
    except InvalidInputError as error:
        return _refused(form, contact_id, error)
    # Who was told that it is in the bin and saves all the same wants it back.
    restore(contact, me())
    db.session.commit()
    toast(_("The contact was saved."))
    _warn(form)
    return see_other(url_of(contact))


def _place() -> Place:
    # What was typed is kept, also when somebody has put the record in the bin.
    return Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN


def _from_bin(form: ContactForm) -> list[Contact]:
    """Find who in the bin has one of the numbers: they may be the one who is to be added."""
    return services.in_bin_with([row.e164 or row.known_number for row in form.phones.filled], me())


def _warn(form: ContactForm) -> None:
    """Say of numbers that were saved what speaks against them."""
    for warning in form.warnings:
        toast(warning, kind="warning")


def _prefilled() -> dict[str, Any]:
    args = request.args
    number = clean(args.get("number"))[:60]
    kind = args.get("kind", "")
    return {
        "name": field_of(ContactDraft, "name").fitting(args.get("name")),
        "kind": kind if kind in set(ContactKind) else str(ContactKind.PERSON),
        "company_id": str(read_id(args.get("company_id")) or ""),
        "responsible_id": str(me().id),
        "phones": [{"number": phone_numbers.show(number, current_app.config["DEFAULT_COUNTRY"])}],
        "emails": [{}],
    }


def _change_rows(form: ContactForm) -> bool:
    """Do what a button that only changes the form asks for; tell whether one was pressed."""
    verb, _sign, name = request.form.get("row", "").partition(":")
    if verb == "add":
        form.add_row(name)
    elif verb == "drop":
        form.drop_row(name)
    return bool(verb)


def _draft(form: ContactForm) -> ContactDraft:
    """Give what was typed; a company that is not there yet is made."""
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


def _refused(form: ContactForm, contact_id: int | None, error: InvalidInputError) -> Answer:
    db.session.rollback()
    form.refuse(error)
    contact = fetch_whole(contact_id, Verb.EDIT, Place.ANYWHERE) if contact_id else None
    return _form_page(form, contact, code=422)


def _conflict(form: ContactForm, contact_id: int) -> Answer:
    db.session.rollback()
    contact = fetch_whole(contact_id, Verb.EDIT, Place.ANYWHERE)
    changes = wording.HISTORY.missed(contact_id, contact.version - form.read_version)
    newest = ContactForm(formdata=None, data=ContactForm.contents_of(contact))
    newest.offer(db.session.scalars(User.enabled()), contact)
    if form.agrees_with(newest) and contact.deleted_at is None:
        toast(_("The contact was saved."))
        return see_other(url_of(contact))
    form.offer(db.session.scalars(User.enabled()), contact)
    form.rebase(newest, contact.version)
    return _form_page(form, contact, changes, code=409)


def _form_page(
    form: ContactForm,
    contact: Contact | None,
    changes: list[Change] | None = None,
    *,
    code: int,
) -> Answer:
    form.add_blank_rows()
    is_finding = picking.only_searches("company_id") or bool(form.company_id.errors)
    query = picking.typed("company_id")
    page = render_template(
        "contacts/edit.html",
        form=form,
        contact=contact,
        company=_company(form, contact),
        from_bin=_from_bin(form) if contact is None else [],
        found=listing.find_contacts(me(), query, kind=ContactKind.COMPANY) if is_finding else [],
        query=query,
        phone_kinds=PHONE_KIND_NAMES,
        blank_phone=PhoneForm(),
        blank_email=EmailForm(),
        changes=changes,
    )
    return page, code
