"""What a lead is found by: its own words and those of its contact, followed when they change."""

from typing import Any

from sqlalchemy import Connection, event, inspect, select, update

from crm_app import search_text
from crm_app.contacts.models import Contact
from crm_app.leads.models import Lead


def searchable(title: str, source: str | None, contact: Contact | None) -> str:
    """Give all that a lead is found by, normalised: its own words and its contact's."""
    own = search_text.normalise(f"{title} {source or ''}")
    return f"{own} {contact.search_text}" if contact else own


@event.listens_for(Contact, "after_update")
def _follow_contact(_mapper: Any, connection: Connection, contact: Contact) -> None:
    # Contacts know nothing of leads, so a lead listens when its contact gets another name or phone.
    if not inspect(contact).attrs.search_text.history.has_changes():
        return
    theirs = select(Lead.id, Lead.title, Lead.source).where(Lead.contact_id == contact.id)
    # By id, as everywhere where many leads are changed, so that no two wait for each other.
    for lead_id, title, source in connection.execute(theirs.order_by(Lead.id)).all():
        text = searchable(title, source, contact)
        # Said by name, so that the clock of the last change is not touched.
        values = {"search_text": text, "updated_at": Lead.updated_at}
        connection.execute(update(Lead).where(Lead.id == lead_id).values(values))
