"""Who is on a list: read once, when it is made, from the filter of contacts or leads.

Which of them somebody may call is asked each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.call_lists.models import (
    HELD_FOR,
    NAME_LENGTH,
    CallList,
    CallListEntry,
    EntryState,
    Of,
)
from crm_app.calls.models import Call
from crm_app.contacts.listing import ContactFilter
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads.listing import LeadFilter
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.phone_pairs import forms_of
from crm_app.records.lists import ListFilter
from crm_app.text import required

# Nobody calls more by hand.
MOST = 5_000
FILTERS: Mapping[Of, type[ListFilter]] = {Of.CONTACTS: ContactFilter, Of.LEADS: LeadFilter}


@dataclass(frozen=True, slots=True)
class Count:
    """How many a filter finds: who can be called, who asked not to be, who has no number."""

    callable: int
    do_not_call: int
    without_number: int


def count(of: Of, filters: ListFilter, user: User, local: LocalTime) -> Count:
    """Count whom a list of this filter would hold, of what the user may see."""
    found = _found(of, filters, user, local).subquery()
    rows = db.session.execute(
        select(found.c.has_phone, found.c.do_not_call, func.count()).group_by(
            found.c.has_phone, found.c.do_not_call
        )
    ).all()
    with_phone = {bool(asked): number for has_phone, asked, number in rows if has_phone}
    without = sum(number for has_phone, _asked, number in rows if not has_phone)
    return Count(with_phone.get(False, 0), with_phone.get(True, 0), without)


def make(
    of: Of,
    filters: ListFilter,
    user: User,
    local: LocalTime,
    *,
    name: str,
    calls_do_not_call: bool,
) -> CallList:
    """Make a list of whom a filter finds, in its order, and at most MOST of them.

    Raises InvalidInputError on `name`: name_empty, too_long, nobody_to_call.
    """
    made = CallList(
        name=required(name, "name_empty", "name", NAME_LENGTH),
        of=of,
        filter_args=urlencode(filters.to_args()),
        calls_do_not_call=calls_do_not_call,
        created_by_id=user.id,
    )
    db.session.add(made)
    db.session.flush()
    found = _found(of, filters, user, local).subquery()
    wanted = select(
        literal(made.id), found.c.position, found.c.contact_id, found.c.lead_id,
        literal(EntryState.WAITING.value),
    ).where(found.c.has_phone)  # fmt: skip
    if not calls_do_not_call:
        wanted = wanted.where(found.c.do_not_call.is_(False))
    wanted = wanted.order_by(found.c.position).limit(MOST)
    columns = ["list_id", "position", "contact_id", "lead_id", "state"]
    db.session.execute(insert(CallListEntry).from_select(columns, wanted))
    if not db.session.scalar(select(exists().where(CallListEntry.list_id == made.id))):
        raise InvalidInputError("nobody_to_call", "name")
    return made


def _found(of: Of, filters: ListFilter, user: User, local: LocalTime) -> Select[Any]:
    """Select position, contact, lead, whether there is a number, whether they may be called."""
    has_phone: ColumnElement[bool] = exists().where(ContactPhone.contact_id == Contact.id)
    is_seen = rights.scope(user, Contact, Verb.VIEW)
    lead_id: Any = literal(None, Contact.id.type)
    if of is Of.LEADS:
        is_number = Lead.contact_id.is_(None)
        has_phone = or_(has_phone, and_(is_number, Lead.number != ""))
        is_seen = and_(rights.scope(user, Lead, Verb.VIEW), or_(is_number, is_seen))
        lead_id = Lead.id
    found = select(
        func.row_number().over(order_by=_order(filters)).label("position"),
        Contact.id.label("contact_id"),
        lead_id.label("lead_id"),
        has_phone.label("has_phone"),
        func.coalesce(Contact.do_not_call, false()).label("do_not_call"),
    )
    if of is Of.LEADS:
        found = found.select_from(Lead).outerjoin(Contact, Lead.contact_id == Contact.id)
    return found.where(*filters.conditions(user, local), is_seen)


def _order(filters: ListFilter) -> list[Any]:
    order = filters.sort_order
    keys: tuple[InstrumentedAttribute[Any], ...] = order.keys
    return [key.desc() if order.descending else key.asc() for key in keys]


def seen_by(user: User) -> ColumnElement[bool]:
    """Say that a user may see an entry: its contact, or a lead that had only a number."""
    return _has_client(user)


def may_be_called(call_list: CallList, user: User) -> ColumnElement[bool]:
    """Say that a user may see an entry, and that its client can be called now.

    Not by two at once: neither who is in a call, nor a client whom a colleague has been given.
    """
    busy, numbers = _busy(call_list, user)
    phone = exists().where(ContactPhone.contact_id == Contact.id)
    contact = [
        phone.correlate(Contact),
        Contact.id.not_in(busy),
        ~phone.where(ContactPhone.number.in_(numbers)).correlate(Contact),
    ]
    if not call_list.calls_do_not_call:
        contact.append(Contact.do_not_call.is_(False))
    lead = exists().where(rights.scope(user, Lead, Verb.VIEW), Lead.id == CallListEntry.lead_id)
    return and_(
        _has_client(user, *contact, number=Lead.number.not_in(numbers)),
        or_(CallListEntry.lead_id.is_(None), lead.correlate(CallListEntry)),
    )


def _has_client(
    user: User, *contact: ColumnElement[bool], number: ColumnElement[bool] | None = None
) -> ColumnElement[bool]:
    """Say that a user may see an entry, and what must hold for its contact, or for its number.

    A lead that had only a number may be with a contact by now; then that is the client.
    """
    seen = exists().where(rights.scope(user, Contact, Verb.VIEW), *contact)
    its_contact = seen.where(Contact.id == Lead.contact_id).correlate(Lead)
    is_number = and_(Lead.contact_id.is_(None), true() if number is None else number)
    lead = exists().where(
        Lead.id == CallListEntry.lead_id,
        CallListEntry.contact_id.is_(None),
        rights.scope(user, Lead, Verb.VIEW),
        or_(is_number, its_contact),
    )
    own_contact = seen.where(Contact.id == CallListEntry.contact_id)
    return or_(own_contact.correlate(CallListEntry), lead.correlate(CallListEntry))


def _busy(call_list: CallList, user: User) -> tuple[set[int], list[str]]:
    """Find whom nobody else may call: ids of contacts, and numbers in each of their forms.

    Those are the clients who are in a call, and those whom a colleague has been given.
    """
    contact_id: ColumnElement[int | None] = func.coalesce(CallListEntry.contact_id, Lead.contact_id)
    given = db.session.execute(
        select(contact_id, func.coalesce(Lead.number, ""))
        .select_from(CallListEntry)
        .outerjoin(Lead, Lead.id == CallListEntry.lead_id)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.state == EntryState.HELD,
            CallListEntry.holder_id != user.id,
            CallListEntry.held_at >= clock.now() - HELD_FOR,
        )
    ).all()
    ids = {one for one, _number in given if one is not None}
    theirs = select(ContactPhone.number).where(ContactPhone.contact_id.in_(ids))
    numbers = set(db.session.scalars(theirs)) if ids else set()
    calls = Call.live().with_only_columns(Call.contact_id, Call.outside_number)
    in_call = db.session.execute(calls).all()
    ids |= {one for one, _number in in_call if one is not None}
    numbers |= {number for _one, number in (*given, *in_call)}
    return ids, forms_of(*filter(None, numbers))
