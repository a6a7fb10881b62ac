"""Whom a call-back is about: finding its row, making it, letting two become one.

A client is a contact, else a number. The rows of both are found here and nowhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, and_, or_, select, update

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks.announcing import announce
from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss, EventKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.contacts.models import Contact, NotThisPerson
from crm_app.contacts.numbers.caller import TAIL_LENGTH, find_callers
from crm_app.database import add_missing
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of

_WHOSE = ("owner_id", "is_chosen", "taken_by_id", "taken_at")
_WHOLE = (
    *_WHOSE, "lent_at", "lent_to_id", "due_at", "snoozed_from", "escalated_at", "reminded_at",
    "reopened_at", "misses", "first_missed_at", "missed_at", "done_at", "done_how", "done_by_id",
    "done_reason", "closed_by_call_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """A contact by its id, or a number that belongs to no contact."""

    contact_id: int | None
    number: str

    @property
    def condition(self) -> ColumnElement[bool]:
        """Say that a call-back is about this client."""
        if self.contact_id is not None:
            return CallBack.contact_id == self.contact_id
        return and_(CallBack.contact_id.is_(None), CallBack.number.in_(forms_of(self.number)))

    @property
    def is_somebody(self) -> bool:
        """Whether there is anything to call: a hidden number without contact is nobody."""
        return self.contact_id is not None or bool(self.number)

    def has(self, row: CallBack) -> bool:
        """Whether a call-back is about this client."""
        if self.contact_id is not None or row.contact_id is not None:
            return self.contact_id == row.contact_id
        return row.number in forms_of(self.number)


def client_of(call: Call) -> Client:
    """Say whom a call was with, by what is known now: its number may have changed hands since.

    Whom somebody has chosen stays, but nobody finds a contact in the bin: its number waits for
    itself, or for who has it now.
    """
    number, contact_id = call.outside_number, call.contact_id
    is_there = contact_id is None or not (number and is_in_bin(contact_id))
    if call.contact_is_chosen and is_there:
        return Client(contact_id, number)
    owner = contact_with(number)
    if owner is None and is_there:
        # Several have it now, or nobody: then it is with whom it was when it rang.
        owner = contact_id
    return Client(owner, number)


def contact_with(number: str) -> int | None:
    """Find the one contact that a number belongs to."""
    callers = find_callers(db.session.connection(), number)
    return callers[0].contact_id if len(callers) == 1 else None


def row_of(client: Client) -> CallBack | None:
    """Find the call-back of a client, open or done."""
    found = select(CallBack).where(client.condition)
    return db.session.scalar(found.order_by(CallBack.done_at.is_not(None), CallBack.id).limit(1))


def row_for(client: Client, call: Call, row_id: int | None) -> CallBack | None:
    """Find the row of the client of a call, and join it with what waits for the number alone.

    `row_id` is the row that the call is in.
    """
    old = db.session.get(CallBack, row_id) if row_id else None
    is_with_contact = old is not None and old.contact_id in (call.contact_id, client.contact_id)
    if old and old.contact_id and is_with_contact and not (old.is_open or call.contact_is_chosen):
        # What is over stays with whom it was, even if others have the number by now.
        return old
    theirs = row_of(client)
    if client.contact_id is None:
        return _with_all_forms(theirs, client) or _row_waiting_for(call, row_id)
    waits = row_of(Client(None, call.outside_number)) if call.outside_number else None
    if waits is None or call.contact_is_chosen:
        return theirs
    if any(one.contact_is_chosen for one in waiting_calls(waits)):
        # Somebody has said of a call from this number that it was with nobody we know.
        return theirs
    return db.session.get(CallBack, give(waits, client))


def _with_all_forms(row: CallBack | None, client: Client) -> CallBack | None:
    """Join with a number's row those that its other forms had before they counted as one."""
    if row is not None and len(forms_of(client.number)) > 1:
        of_others = select(CallBack).where(client.condition, CallBack.id != row.id)
        for other in db.session.scalars(of_others.order_by(CallBack.id)).all():
            announce(other)
            join(row, other)
    return row


def _row_waiting_for(call: Call, row_id: int | None) -> CallBack | None:
    """Find the row of a contact in which the number of a call waits, though it leads to nobody now.

    It is open, or the call is in it (`row_id`). Of a number that several have, or nobody any more,
    a second row would call the same phone twice.
    """
    misses = (
        select(CallBack)
        .join(CallBackMiss, CallBackMiss.call_back_id == CallBack.id)
        .join(Call, Call.id == CallBackMiss.call_id)
        .where(
            Call.outside_number.in_(forms_of(call.outside_number)),
            Call.id != call.id,
            Call.contact_id == CallBack.contact_id,
            Call.contact_is_chosen.is_(False),
            or_(CallBack.done_at.is_(None), CallBack.id == row_id),
        )
        .order_by(CallBack.id != row_id if row_id else CallBack.id, CallBack.id)
    )
    for row in db.session.scalars(misses).unique():
        said = NotThisPerson.holds(call.outside_number, row.contact_id)
        if not db.session.scalar(select(said)) and not is_in_bin(row.contact_id or 0):
            return row
    return None


def waiting_calls(row: CallBack) -> list[Call]:
    """List the missed calls for which a call-back waits, or waited last."""
    return list(
        db.session.scalars(
            select(Call)
            .join(CallBackMiss, CallBackMiss.call_id == Call.id)
            .where(CallBackMiss.call_back_id == row.id, Call.started_at >= row.first_missed_at)
            .order_by(Call.id)
        )
    )


def locked(ids: Iterable[int | None]) -> dict[int, CallBack]:
    """Read rows for update, always in the same order, so that no two workers wait in a circle."""
    wanted = sorted({one for one in ids if one is not None})
    if not wanted:
        return {}
    rows = select(CallBack).where(CallBack.id.in_(wanted)).order_by(CallBack.id)
    found = db.session.scalars(rows.with_for_update().execution_options(populate_existing=True))
    return {row.id: row for row in found}


def make_row(client: Client, call: Call) -> CallBack:
    """Make the row of a client, or find the one that another worker has just made; for update."""
    contact_id = client.contact_id
    forms = forms_of(call.outside_number)
    if contact_id is None and len(forms) > 1:
        # The index knows each form for itself: who makes a row for one holds all of them.
        ledger.lock(db.session.connection(), forms[0])
        row = row_of(client)
        if row is not None:
            return locked([row.id])[row.id]
    add_missing(
        db.session, CallBack,
        contact_id=contact_id, number=call.outside_number, did=call.did,
        owner_id=None, is_chosen=False, due_at=call.started_at, misses=0, tries=0,
        first_missed_at=call.started_at, missed_at=call.started_at,
        # Not open before anybody has looked whether it has to be.
        done_at=call.started_at, done_reason="",
    )  # fmt: skip
    row = row_of(client)
    if row is None:
        raise RuntimeError("the call-back of a client vanished while it was made")
    return locked([row.id])[row.id]


def has_only(row: CallBack, call: Call) -> bool:
    """Whether no other missed call stands behind a call-back."""
    others = select(CallBackMiss.call_id).where(
        CallBackMiss.call_back_id == row.id, CallBackMiss.call_id != call.id
    )
    return not db.session.scalar(select(others.exists()))


def rename(row: CallBack, client: Client) -> None:
    """Say that a call-back is about another client, who has none."""
    row.contact_id = client.contact_id
    if client.number:
        row.number = client.number
    db.session.flush()
    db.session.expire(row, ["contact"])


def join(kept: CallBack, other: CallBack) -> None:
    """Let two rows become one: calls, history, and who has taken it, go over; flushed."""
    for model in (CallBackMiss, CallBackEvent):
        its = update(model).where(model.call_back_id == other.id)
        db.session.execute(
            its.values(call_back_id=kept.id).execution_options(synchronize_session=False)
        )
    if other.is_open or _is_done_later(other, kept):
        due_at = min(kept.due_at, other.due_at) if kept.is_open else other.due_at
        is_taken = kept.taken_by_id is not None
        for name in _WHOLE if not kept.is_open else () if is_taken else _WHOSE:
            if name not in _WHOSE or other.taken_by_id or other.is_chosen:
                setattr(kept, name, getattr(other, name))
        kept.due_at = due_at
    db.session.add(CallBackEvent(call_back_id=kept.id, kind=EventKind.JOINED, text=other.number))
    db.session.delete(other)
    db.session.flush()


def _is_done_later(one: CallBack, other: CallBack) -> bool:
    return bool(one.done_at and other.done_at and one.done_at > other.done_at)


def give(row: CallBack, client: Client) -> int:
    """Let a row be about another client, with what waits for them; gives the one that is left."""
    other = row_of(client)
    rows = locked([row.id, other.id if other else None])
    announce(row)
    if other is None or other.id not in rows:
        rename(row, client)
        return row.id
    join(rows[other.id], row)
    return other.id


def numbers_of(row: CallBack) -> list[str]:
    """List the numbers from which a client was missed, as the log may write them."""
    missed = (
        select(Call.outside_number)
        .join(CallBackMiss, CallBackMiss.call_id == Call.id)
        .where(CallBackMiss.call_back_id == row.id, Call.outside_number != "")
        .distinct()
    )
    numbers = {row.number, *db.session.scalars(missed)} - {""}
    return forms_of(*numbers)


def calls_with(row: CallBack) -> list[ColumnElement[bool]]:
    """Give the conditions that a call was with a client: each call fits one, each has its index."""
    numbers = numbers_of(row)
    if row.contact_id is None:
        return [Call.outside_number.in_(numbers)]
    # All who had the number then, as long as nobody has said who it was.
    by_number = and_(
        Call.outside_number.in_(numbers),
        Call.contact_id.is_distinct_from(row.contact_id),
        Call.contact_is_chosen.is_(False),
    )
    return [Call.contact_id == row.contact_id, by_number]


def owner_of(row: CallBack, call: Call | None, default_id: int | None) -> int | None:
    """Find whose a call-back is: the client's responsible, who rang last on transfer, the default.

    Those who cannot sign in any more are passed over; None is the pool.
    """
    wanted = [*_responsibles(row.contact_id), *_rang_on_transfer(call), default_id]
    ids = {one for one in wanted if one is not None}
    enabled = set(db.session.scalars(select(User.id).where(User.id.in_(ids), User.active)))
    return next((one for one in wanted if one in enabled), None)


def _responsibles(contact_id: int | None) -> list[int | None]:
    """Give who is responsible for a contact, then for its company."""
    contact = db.session.get(Contact, contact_id) if contact_id is not None else None
    if contact is None or contact.deleted_at is not None:
        return []
    company = contact.company
    if company is None or company.is_in_bin:
        return [contact.responsible_id]
    return [contact.responsible_id, company.responsible_id]


def _rang_on_transfer(call: Call | None) -> list[int | None]:
    legs = [leg for leg in call.legs if leg.transferred_from and leg.rang_at] if call else []
    legs.sort(key=lambda leg: leg.rang_at or clock.now(), reverse=True)
    return [leg.user_id for leg in legs]


def is_of_contact(contact_id: int) -> ColumnElement[bool]:
    """Say that a call-back is about a contact, or about one of the people of that company."""
    is_theirs = or_(Contact.id == contact_id, Contact.company_id == contact_id)
    return CallBack.contact_id.in_(select(Contact.id).where(is_theirs))


def is_in_bin(contact_id: int) -> bool:
    """Whether a contact is there and in the bin."""
    in_bin = select(Contact.id).where(Contact.id == contact_id, Contact.deleted_at.is_not(None))
    return db.session.scalar(in_bin) is not None


def waiting_for(number: str) -> CompoundSelect[int]:
    """Select the call-backs that a number may be about.

    They have no contact, or are open and somebody was missed from it. Each is asked of its own
    index: a contact that is stored must not wait for the queue.
    """
    forms = forms_of(number)
    strangers = select(CallBack.id).where(
        CallBack.contact_id.is_(None), CallBack.tail.in_({form[-TAIL_LENGTH:] for form in forms})
    )
    missed_from = (
        select(CallBack.id)
        .join(CallBackMiss, CallBackMiss.call_back_id == CallBack.id)
        .join(Call, Call.id == CallBackMiss.call_id)
        .where(Call.outside_number.in_(forms), CallBack.done_at.is_(None))
    )
    return strangers.union(missed_from)
