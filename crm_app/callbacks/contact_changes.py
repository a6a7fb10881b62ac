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
    """Look at the call-back of a contact that goes into the bin, and at the numbers of one back."""
    history = inspect(contact).attrs.deleted_at.history
    if history.has_changes() and contact.deleted_at is not None:
        _wait_alone_later(connection, contact.id)
    elif history.has_changes():
        its = select(ContactPhone.number).where(ContactPhone.contact_id == contact.id)
        for number in connection.execute(its).scalars().all():
            _join_later(connection, number)


def _join_later(connection: Connection, number: str) -> None:
    waits = select(CallBack.id).where(clients.is_of_number(number)).limit(1)
    if connection.execute(waits).first() is not None:
        payload = {"number": number}
        jobs.enqueue(connection, NUMBER_HAS_CONTACT, payload, key=f"{NUMBER_HAS_CONTACT}:{number}")


def _wait_alone_later(connection: Connection, contact_id: int) -> None:
    its = select(CallBack.number).where(CallBack.contact_id == contact_id, CallBack.number != "")
    number = connection.execute(its).scalar()
    if number:
        payload = {"number": number, "gone": contact_id}
        key = f"{NUMBER_HAS_CONTACT}:{number}:{contact_id}"
        jobs.enqueue(connection, NUMBER_HAS_CONTACT, payload, key=key)


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
