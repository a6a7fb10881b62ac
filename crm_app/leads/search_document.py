"""The text that a lead is found by: its own words and those of its contact."""

from typing import Any

from sqlalchemy import Connection, event, inspect, select, update

from crm_app import search_text
from crm_app.contacts.models import Contact
from crm_app.contacts.search_document import digits_of
from crm_app.extensions import db
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead
from crm_app.records.fields import fields_of, searched
from crm_app.records.purge import before_purge


def searchable(words: Any, contact: Contact | None) -> str:
    """Return the normalised text that a lead is found by; `words` holds its own, as a lead does."""
    digits = digits_of(words.number) if words.number else []
    own = search_text.normalise(" ".join([*searched(LeadDraft, words), *digits]))
    return f"{own} {contact.search_text}" if contact else own


@event.listens_for(Contact, "after_update")
def _update_leads(_mapper: Any, connection: Connection, contact: Contact) -> None:
    # Contacts know nothing of leads, so the leads listen for a new name or number.
    if not inspect(contact).attrs.search_text.history.has_changes():
        return
    _write(connection, contact.id, contact)


@before_purge(Contact)
def _forget_contact(contact: Contact) -> None:
    """Take the words of a contact that goes out of what its leads are found by."""
    _write(db.session.connection(), contact.id, None)


def _write(connection: Connection, contact_id: int, contact: Contact | None) -> None:
    own = [getattr(Lead, field.name) for field in fields_of(LeadDraft) if field.is_searched]
    own.append(Lead.number)
    theirs = select(Lead.id, *own).where(Lead.contact_id == contact_id)
    # Rows are changed in the order of their ids everywhere, so that no two transactions deadlock.
    for row in connection.execute(theirs.order_by(Lead.id)).all():
        text = searchable(row, contact)
        # updated_at is named, so that its onupdate does not run.
        values = {"search_text": text, "updated_at": Lead.updated_at}
        connection.execute(update(Lead).where(Lead.id == row.id).values(values))
