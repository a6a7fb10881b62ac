"""The queue: call-backs in the order in which they are due, with what one needs to call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import aliased, joinedload, load_only
from sqlalchemy.orm.interfaces import ORMOption

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.callbacks.models import CallBack, CallBackEvent, EventKind
from crm_app.calls.fold.follow_ups import TALKED
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import Note
from crm_app.leads.models import Lead
from crm_app.leads.services import open_leads
from crm_app.local_time import LocalTime
from crm_app.paging import PAGE_SIZE, Page
from crm_app.records.lists import ME, ListFilter, SortOrder, one_of, whose

POOL = "pool"
DONE_SHOWN_FOR = timedelta(days=30)
MOST_EVENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBackFilter(ListFilter):
    """What the queue is narrowed by: whose call-backs, and those that are done instead."""

    ORDERS: ClassVar = {
        "due": SortOrder((CallBack.due_at, CallBack.id)),
        "done": SortOrder((CallBack.done_at, CallBack.id), descending=True),
    }
    whose: str = whose(POOL)
    state: str = one_of(["done"])

    @property
    def sort_order(self) -> SortOrder:
        """Open ones as they are due, done ones the latest first."""
        return self.ORDERS["done" if self.state else "due"]

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a call-back of this list."""
        if self.state:
            wanted = [CallBack.done_at > local.now - DONE_SHOWN_FOR]
        else:
            wanted = [CallBack.done_at.is_(None)]
        if self.whose == ME:
            wanted.append(or_(CallBack.holder_id == user.id, CallBack.holder_id.is_(None)))
        elif self.whose == POOL:
            wanted.append(CallBack.holder_id.is_(None))
        elif self.whose.isdecimal():
            wanted.append(CallBack.holder_id == int(self.whose))
        elif self.whose:
            wanted.append(false())
        return wanted


@dataclass(frozen=True, slots=True)
class Row:
    """One call-back with what one needs to know before calling."""

    call_back: CallBack
    # None for a stranger, and while the contact is in the bin.
    contact: Contact | None
    last_talk: Call | None
    note: str
    lead: Lead | None

    @property
    def age(self) -> str:
        """Give how urgent it is: done, later (snoozed), soon, due, late, escalated."""
        row, now = self.call_back, clock.now()
        if not row.is_open:
            return "done"
        if row.snoozed_from is not None and row.due_at > now:
            return "later"
        if row.escalated_at is not None:
            return "escalated"
        if row.due_at <= now:
            return "late"
        return "due" if row.due_at <= now + timedelta(minutes=5) else "soon"


def page(
    user: User,
    wanted: CallBackFilter,
    local: LocalTime,
    cursor: str = "",
    size: int = PAGE_SIZE,
) -> Page[CallBack]:
    """Read one page of the queue, as far as a user may see it."""
    seen = rights.allowed(user, CallBack, Verb.VIEW).where(*wanted.conditions(user, local))
    return wanted.sort_order.page(seen.options(*_people()), cursor, size)


def fetch(row_id: int, user: User) -> CallBack:
    """Fetch one call-back that a user may see; raises NotFoundError."""
    return rights.fetch(CallBack, row_id, user, Verb.VIEW, options=_people())


def rows_of(call_backs: Sequence[CallBack], user: User) -> list[Row]:
    """Add what one needs to know before calling; as many statements for one as for fifty."""
    seen = {row.id: _shown_contact(row) for row in call_backs}
    contact_ids = [contact.id for contact in seen.values() if contact]
    theirs = [one.id for one in seen.values() if one and rights.may_open(user, one)]
    talks, notes = _last_talks(call_backs), _last_notes(call_backs, theirs)
    leads: dict[int | None, Lead] = {}
    for lead in reversed(open_leads(contact_ids, user)):
        leads[lead.contact_id] = lead
    return [
        Row(
            row,
            seen[row.id],
            talks.get(row.id),
            notes.get(row.id, ""),
            leads.get(row.contact_id) if seen[row.id] else None,
        )
        for row in call_backs
    ]


def brief(call_backs: Sequence[CallBack], *, is_named: bool = True) -> list[Row]:
    """Give the rows with nothing more than how urgent each is and, if wanted, whom to call."""
    return [
        Row(row, _shown_contact(row) if is_named else None, None, "", None) for row in call_backs
    ]


def events_of(row: CallBack) -> list[CallBackEvent]:
    """List what happened to a call-back, the latest first."""
    events = select(CallBackEvent).where(CallBackEvent.call_back_id == row.id)
    return list(
        db.session.scalars(
            events.order_by(CallBackEvent.id.desc())
            .limit(MOST_EVENTS)
            .options(joinedload(CallBackEvent.user), joinedload(CallBackEvent.other))
        )
    )


def every_row(since: datetime | None) -> Select[CallBack]:
    """Select open call-backs, and done ones since a moment (None: all), those due first."""
    statement = select(CallBack)
    if since is not None:
        statement = statement.where(or_(CallBack.done_at.is_(None), CallBack.done_at > since))
    return statement.order_by(CallBack.done_at.is_not(None), CallBack.due_at, CallBack.id)


def _people() -> tuple[ORMOption, ...]:
    return (
        joinedload(CallBack.contact).options(
            load_only(Contact.name, Contact.kind, Contact.responsible_id, Contact.deleted_at),
            joinedload(Contact.company).load_only(Contact.name),
        ),
        joinedload(CallBack.owner),
        joinedload(CallBack.taken_by),
        joinedload(CallBack.lent_to),
        joinedload(CallBack.tried_by),
        joinedload(CallBack.done_by),
    )


def _shown_contact(row: CallBack) -> Contact | None:
    """Who may call somebody back may read the name, also of a colleague's client."""
    contact = row.contact
    return contact if contact is not None and contact.deleted_at is None else None


def _last_talks(call_backs: Sequence[CallBack]) -> dict[int, Call]:
    """Find the last talk with each client, by one look into an index for each."""
    talked = (Call.status.in_(TALKED), ~Call.is_missed, Call.is_own_leg.is_(False))
    ids = [row.id for row in call_backs]
    if not ids:
        return {}
    newest = []
    for is_with, has_contact in (
        (Call.contact_id == CallBack.contact_id, CallBack.contact_id.is_not(None)),
        (Call.outside_number == CallBack.number, CallBack.contact_id.is_(None)),
    ):
        last = (
            select(Call.id)
            .where(is_with, *talked)
            .order_by(Call.started_at.desc(), Call.id.desc())
            .limit(1)
            .correlate(CallBack)
            .scalar_subquery()
        )
        newest.append(select(CallBack.id, last).where(CallBack.id.in_(ids), has_contact))
    found = {key: call_id for part in newest for key, call_id in db.session.execute(part)}
    wanted = [call_id for call_id in found.values() if call_id is not None]
    calls = {
        call.id: call
        for call in db.session.scalars(
            select(Call).where(Call.id.in_(wanted)).options(joinedload(Call.user))
        )
    }
    return {key: calls[call_id] for key, call_id in found.items() if call_id in calls}


def _last_notes(call_backs: Sequence[CallBack], contact_ids: Sequence[int]) -> dict[int, str]:
    """Find what was written last: on the call-back itself, else on one of these contacts."""
    ids = [row.id for row in call_backs]
    if not ids:
        return {}
    event, note = aliased(CallBackEvent), aliased(Note)
    own = (
        select(event.text)
        .where(event.call_back_id == CallBack.id, event.kind == EventKind.NOTED)
        .order_by(event.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    on_contact = (
        select(note.text)
        .where(
            note.record_type == RecordKind.CONTACT,
            note.record_id == CallBack.contact_id,
            CallBack.contact_id.in_(contact_ids),
        )
        .order_by(note.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    notes = select(CallBack.id, func.coalesce(own, on_contact)).where(CallBack.id.in_(ids))
    return {key: text for key, text in db.session.execute(notes) if text}
