"""What becomes of call-backs when contacts change: a number gets a contact, a contact is purged."""

from typing import Any

from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import Mapper

from crm_app.callbacks import clients
from crm_app.callbacks.models import CallBack
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.records.purge import before_purge

NUMBER_HAS_CONTACT = "number_has_contact"


def _on_new_phone(_mapper: Mapper[Any], connection: Connection, phone: ContactPhone) -> None:
    _join_later(connection, phone.number)


def _on_contact(_mapper: Mapper[Any], connection: Connection, contact: Contact) -> None:
    """Look at the numbers of a contact that comes out of the bin."""
    history = inspect(contact).attrs.deleted_at.history
    if history.has_changes() and contact.deleted_at is None:
        its = select(ContactPhone.number).where(ContactPhone.contact_id == contact.id)
        for number in connection.execute(its).scalars().all():
            _join_later(connection, number)


def _join_later(connection: Connection, number: str) -> None:
    waits = select(CallBack.id).where(clients.is_of_number(number)).limit(1)
    if connection.execute(waits).first() is not None:
        payload = {"number": number}
        jobs.enqueue(connection, NUMBER_HAS_CONTACT, payload, key=f"{NUMBER_HAS_CONTACT}:{number}")


event.listen(ContactPhone, "after_insert", _on_new_phone)
event.listen(ContactPhone, "after_update", _on_new_phone)
event.listen(Contact, "after_update", _on_contact)


@before_purge(Contact)
def _let_go(contact: Contact) -> None:
    """Let the call-back of a contact that goes be that of its number, or go along with it."""
    row = clients.row_of(clients.Client(contact.id, ""))
    if row is None:
        return
    stranger = clients.Client(None, row.number)
    other = clients.row_of(stranger) if row.number else None
    if other is not None:
        clients.join(other, row)
    elif row.number:
        clients.rename(row, stranger)
    else:
        db.session.delete(row)
    db.session.flush()
