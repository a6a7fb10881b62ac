"""Whom a call-back is about: finding its row, making it, letting two become one.

A client is a contact, else a number. The rows of both are found here and nowhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select, update

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss, EventKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.contacts.numbers.caller import TAIL_LENGTH, find_callers
from crm_app.database import add_missing
from crm_app.extensions import db
from crm_app.phone_pairs import equivalents

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
        return and_(CallBack.contact_id.is_(None), CallBack.number == self.number)


def client_of(call: Call) -> Client:
    """Say whom a call was with, by what is known now: its number may have a contact since."""
    contact_id = call.contact_id
    if contact_id is None and not call.contact_is_chosen:
        contact_id = contact_with(call.outside_number)
    if contact_id is not None and call.outside_number and is_in_bin(contact_id):
        # Nobody finds a contact in the bin: its number waits for itself, or for who has it now.
        contact_id = contact_with(call.outside_number)
    return Client(contact_id, call.outside_number)


def contact_with(number: str) -> int | None:
    """Find the one contact that a number belongs to."""
    callers = find_callers(db.session.connection(), number)
    return callers[0].contact_id if len(callers) == 1 else None


def row_of(client: Client) -> CallBack | None:
    """Find the call-back of a client, open or done."""
    return db.session.scalar(select(CallBack).where(client.condition))


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
    if other.is_open:
        due_at = min(kept.due_at, other.due_at) if kept.is_open else other.due_at
        is_taken = kept.taken_by_id is not None
        for name in _WHOLE if not kept.is_open else () if is_taken else _WHOSE:
            if name not in _WHOSE or other.taken_by_id or other.is_chosen:
                setattr(kept, name, getattr(other, name))
        kept.due_at = due_at
    db.session.add(CallBackEvent(call_back_id=kept.id, kind=EventKind.JOINED, text=other.number))
    db.session.delete(other)
    db.session.flush()


def numbers_of(row: CallBack) -> list[str]:
    """List the numbers from which a client was missed, as the log may write them."""
    missed = (
        select(Call.outside_number)
        .join(CallBackMiss, CallBackMiss.call_id == Call.id)
        .where(CallBackMiss.call_back_id == row.id, Call.outside_number != "")
        .distinct()
    )
    numbers = {row.number, *db.session.scalars(missed)} - {""}
    return sorted({other for number in numbers for other in (number, *equivalents(number))})


def calls_with(row: CallBack) -> list[ColumnElement[bool]]:
    """Give the conditions that a call was with a client: each is read from its own index."""
    numbers = numbers_of(row)
    if row.contact_id is None:
        return [Call.outside_number.in_(numbers)]
    from_before = and_(
        Call.outside_number.in_(numbers),
        Call.contact_id.is_(None),
        Call.contact_is_chosen.is_(False),
    )
    return [Call.contact_id == row.contact_id, from_before]


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
    return [contact.responsible_id, company.responsible_id if company else None]


def _rang_on_transfer(call: Call | None) -> list[int | None]:
    legs = [leg for leg in call.legs if leg.transferred_from and leg.rang_at] if call else []
    legs.sort(key=lambda leg: leg.rang_at or clock.now(), reverse=True)
    return [leg.user_id for leg in legs]


def is_in_bin(contact_id: int) -> bool:
    """Whether a contact is there and in the bin."""
    in_bin = select(Contact.id).where(Contact.id == contact_id, Contact.deleted_at.is_not(None))
    return db.session.scalar(in_bin) is not None


def is_of_number(number: str) -> ColumnElement[bool]:
    """Say that a call-back without contact may be about a number, in any of its formats.

    Each is asked of the index of numbers: a contact that is stored must not wait for the queue.
    """
    tails = {number[-TAIL_LENGTH:], *(other[-TAIL_LENGTH:] for other in equivalents(number))}
    return and_(CallBack.contact_id.is_(None), CallBack.tail.in_(tails))


def of_number(number: str) -> list[CallBack]:
    """List the call-backs without contact that a number may be about."""
    return list(
        db.session.scalars(select(CallBack).where(is_of_number(number)).order_by(CallBack.id))
    )
