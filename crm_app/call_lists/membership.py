"""Who is on a list: read once, when it is made, from the filter of contacts or leads.

Which of them somebody may call is asked each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, exists, func, insert, literal, or_, select
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
from crm_app.calls.fold.facts import CallPhase
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
    """How many a filter finds: who can be called, who asked not to be, who has no number.

    Of leads also those without a contact, as there is nobody to note for how it went.
    """

    callable: int
    do_not_call: int
    without_number: int
    without_contact: int


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
    alone = _count_without_contact(filters, user, local) if of is Of.LEADS else 0
    return Count(with_phone.get(False, 0), with_phone.get(True, 0), without, alone)


def _count_without_contact(filters: ListFilter, user: User, local: LocalTime) -> int:
    leads = select(func.count()).select_from(Lead).where(Lead.contact_id.is_(None))
    theirs = leads.where(*filters.conditions(user, local), rights.scope(user, Lead, Verb.VIEW))
    return db.session.scalar(theirs) or 0


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
    has_phone = exists().where(ContactPhone.contact_id == Contact.id)
    lead_id = Lead.id if of is Of.LEADS else literal(None, Contact.id.type)
    found = select(
        func.row_number().over(order_by=_order(filters)).label("position"),
        Contact.id.label("contact_id"),
        lead_id.label("lead_id"),
        has_phone.label("has_phone"),
        Contact.do_not_call.label("do_not_call"),
    )
    if of is Of.LEADS:
        found = found.select_from(Lead).join(Contact, Lead.contact_id == Contact.id)
        found = found.where(rights.scope(user, Lead, Verb.VIEW))
    conditions = filters.conditions(user, local)
    return found.where(*conditions, rights.scope(user, Contact, Verb.VIEW))


def _order(filters: ListFilter) -> list[Any]:
    order = filters.sort_order
    keys: tuple[InstrumentedAttribute[Any], ...] = order.keys
    return [key.desc() if order.descending else key.asc() for key in keys]


def seen_by(user: User) -> Select[int]:
    """Select the ids of the contacts that a user may see."""
    return select(Contact.id).where(rights.scope(user, Contact, Verb.VIEW))


def may_be_called(call_list: CallList, user: User) -> ColumnElement[bool]:
    """Say that an entry's contact is seen by this user and can be called now.

    Not by two at once: neither who is in a call, nor a client whom a colleague has been given.
    """
    contact = [
        rights.scope(user, Contact, Verb.VIEW),
        Contact.id == CallListEntry.contact_id,
        exists().where(ContactPhone.contact_id == Contact.id).correlate(Contact),
    ]
    if not call_list.calls_do_not_call:
        contact.append(Contact.do_not_call.is_(False))
    in_call = exists().where(
        Call.contact_id == CallListEntry.contact_id, Call.phase != CallPhase.ENDED
    )
    lead = exists().where(rights.scope(user, Lead, Verb.VIEW), Lead.id == CallListEntry.lead_id)
    return and_(
        exists().where(*contact).correlate(CallListEntry),
        ~in_call.correlate(CallListEntry),
        or_(CallListEntry.lead_id.is_(None), lead.correlate(CallListEntry)),
        ~_is_with_colleague(call_list, user),
    )


def _is_with_colleague(call_list: CallList, user: User) -> ColumnElement[bool]:
    """Say that a colleague has an entry of the same contact, or of one with the same number."""
    given = select(CallListEntry.contact_id).where(
        CallListEntry.list_id == call_list.id,
        CallListEntry.state == EntryState.HELD,
        CallListEntry.holder_id != user.id,
        CallListEntry.held_at >= clock.now() - HELD_FOR,
    )
    ids = db.session.scalars(given).all()
    theirs = select(ContactPhone.number).where(ContactPhone.contact_id.in_(ids))
    numbers = set(db.session.scalars(theirs)) if ids else set()
    has_number = exists().where(
        ContactPhone.contact_id == CallListEntry.contact_id,
        ContactPhone.number.in_([form for number in numbers for form in forms_of(number)]),
    )
    return or_(CallListEntry.contact_id.in_(ids), has_number.correlate(CallListEntry))
