"""Choosing a contact in a form: by its id, by its very name, or as one that is still to be made."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from wtforms import Field

from crm_app import search_text
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, find
from crm_app.contacts import services
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact, ContactKind
from crm_app.errors import InvalidInputError
from crm_app.records.fields import field_of
from crm_app.text import clean
from crm_app.web.ids import read_id

# What the field holds before the name of a contact that saving makes.
NEW = "new:"
LONGEST = field_of(ContactDraft, "name").length


@dataclass(frozen=True, slots=True)
class Unmade:
    """A contact that saving makes, as the field shows it."""

    id: str
    name: str


def new_name(choice: str | None) -> str:
    """Return the name of the contact that is to be made, "" when there is none to make."""
    text = choice or ""
    return clean(text.removeprefix(NEW))[:LONGEST] if text.startswith(NEW) else ""


def unmade(choice: str | None) -> Unmade | None:
    """Return what the field shows of a contact that is to be made."""
    name = new_name(choice)
    return Unmade(NEW + name, name) if name else None


def typed(name: str) -> str:
    """Return what was typed into the search of the field of this name."""
    return clean(request.form.get(f"{name}-q"))[:LONGEST]


def settle(field: Field, user: User, kind: ContactKind | None = None) -> None:
    """Take what was typed and not chosen when exactly one contact has that name.

    Else the field says that nothing was chosen: what somebody typed is never dropped.
    """
    text = typed(field.name)
    if (field.data or "").startswith(NEW) and not search_text.normalise(new_name(field.data)):
        field.errors = [*field.errors, _("Enter a name.")]
    # Without scripts the search keeps its text beside the choice; with them a choice empties it.
    if not text or (field.data and f"{field.name}-name" not in request.form):
        return
    same = [contact for contact in find_contacts(user, text, kind=kind) if _is_named(contact, text)]
    if len(same) == 1:
        field.data = str(same[0].id)
    else:
        sentence = _(
            "“%(name)s” is not chosen yet. Choose from the list or empty the field.", name=text
        )
        field.errors = [*field.errors, sentence]


def chosen(field: Field, user: User, own: Contact | None) -> Contact | None:
    """Return the contact whose id or very name was sent; None for one that is still to be made.

    `own` is the contact that the record has already, which may be kept by who may not see it.
    """
    settle(field, user)
    contact_id = read_id(field.data)
    if own is not None and own.id == contact_id:
        return own
    contact = find(Contact, contact_id, user, Verb.VIEW)
    if field.data and contact is None and not new_name(field.data):
        field.errors = [_("This contact cannot be chosen.")]
    return contact


def only_searches(name: str = "contact_id") -> bool:
    """Whether a form came only to look for a contact, from a browser without scripts."""
    return request.form.get("row") == f"find:{name}"


def shown(field: Field, user: User, own: Contact | None) -> dict[str, Any]:
    """Return what the field for choosing a contact shows: the chosen one, and what was found.

    `own` is the contact that the record has already, also where the user may not see it.
    """
    contact_id = read_id(field.data)
    is_own = own is not None and own.id == contact_id
    contact = own if is_own else find(Contact, contact_id, user, Verb.VIEW)
    query = typed(field.name) if only_searches(field.name) or field.errors else ""
    return {
        "contact": contact or unmade(field.data),
        "found": find_contacts(user, query) if query else [],
        "query": query,
    }


def make(field: Field, user: User, kind: ContactKind = ContactKind.PERSON) -> Contact | None:
    """Make the contact that the field names, None when it names none; flushed.

    Raises InvalidInputError with the field's name.
    """
    name = new_name(field.data)
    if not name:
        return None
    try:
        draft = ContactDraft(name=name, kind=kind, responsible_id=user.id)
        return services.create_contact(draft, user)
    except InvalidInputError as error:
        raise InvalidInputError(error.code, field.name) from error


def new_words_for(kind: str, found: Iterable[Contact], query: str) -> str:
    """Offer to make what was looked for, "" when it is there already."""
    if not query or any(_is_named(contact, query) for contact in found):
        return ""
    return str(_("Create company") if kind == ContactKind.COMPANY else _("Create contact"))


def _is_named(contact: Contact, text: str) -> bool:
    return search_text.normalise(contact.name) == search_text.normalise(text)
