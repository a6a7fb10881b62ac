"""What becomes of call-backs when contacts change, or the switch: they are looked at again."""

from typing import Any

from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.orm import Mapper

from crm_app.callbacks import clients
from crm_app.callbacks.models import CallBack, CallBackMiss
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.records.purge import before_purge

NUMBER_HAS_CONTACT = "number_has_contact"
SETTLE_WAITING = "settle_call_backs"


def _on_phone(_mapper: Mapper[Any], connection: Connection, phone: ContactPhone) -> None:
    before = inspect(phone).attrs.number.history.deleted or ()
    for number in {phone.number, *before}:
        _look_later(connection, number)


def _on_refusal(_mapper: Mapper[Any], connection: Connection, refusal: NotThisPerson) -> None:
    _look_later(connection, refusal.number)


def _on_contact(_mapper: Mapper[Any], connection: Connection, contact: Contact) -> None:
    """Look at all numbers of a contact that goes into the bin or comes back, and at whose it is."""
    changed = inspect(contact).attrs
    if changed.responsible_id.history.has_changes() or changed.company_id.history.has_changes():
        _settle_later(connection, contact.id)
    if not changed.deleted_at.history.has_changes():
        return
    its = select(ContactPhone.number).where(ContactPhone.contact_id == contact.id)
    # Those that somebody has said to be theirs, too.
    missed_from = (
        select(Call.outside_number)
        .join(CallBackMiss, CallBackMiss.call_id == Call.id)
        .where(Call.contact_id == contact.id, Call.outside_number != "")
    )
    for number in connection.execute(its.union(missed_from)).scalars().all():
        _look_later(connection, number)


def _look_later(connection: Connection, number: str) -> None:
    if connection.execute(clients.waiting_for(number).limit(1)).first() is not None:
        payload = {"number": number}
        jobs.enqueue(connection, NUMBER_HAS_CONTACT, payload, key=f"{NUMBER_HAS_CONTACT}:{number}")


def _settle_later(connection: Connection, contact_id: int) -> None:
    waits = select(CallBack.id).where(CallBack.done_at.is_(None), clients.is_of_contact(contact_id))
    if connection.execute(waits.limit(1)).first() is not None:
        payload = {"contact": contact_id, "after": 0}
        jobs.enqueue(connection, SETTLE_WAITING, payload, key=f"{SETTLE_WAITING}:{contact_id}")


def switched_on() -> None:
    """Look again at all that waited while call-backs were off: somebody may have talked since."""
    jobs.enqueue(db.session, SETTLE_WAITING, {"contact": None, "after": 0}, key=SETTLE_WAITING)


for _change in ("after_insert", "after_update", "after_delete"):
    event.listen(ContactPhone, _change, _on_phone)
for _change in ("after_insert", "after_delete"):
    event.listen(NotThisPerson, _change, _on_refusal)
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
