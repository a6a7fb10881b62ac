"""Which messages a user sees: with one client, or all of them, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed
from crm_app.calls.fold.facts import Direction
from crm_app.extensions import db
from crm_app.telephony.messages.models import Message, MessageState
from crm_app.telephony.messages.services import Client

SHOWN_AT_ONCE = 30


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages; `before` is the id from which the older ones go on, None at the end."""

    rows: Sequence[Message]
    before: int | None = None


def with_client(user: User, client: Client, before: int | None = None) -> Page:
    """Read the messages with a client in the order in which they were written, the last ones."""
    page = _page(allowed(user, Message, Verb.VIEW).where(client.condition), before)
    return Page(page.rows[::-1], page.before)


def newest(user: User, before: int | None = None, *, is_waiting: bool = False) -> Page:
    """Read the newest messages, or those that came in and wait for an answer."""
    wanted = allowed(user, Message, Verb.VIEW).options(
        joinedload(Message.contact),
        joinedload(Message.owner),
        selectinload(Message.having_number),
    )
    if is_waiting:
        wanted = wanted.where(Message.direction == Direction.INBOUND, Message.handled_at.is_(None))
    return _page(wanted, before)


def last_sender_of(user: User) -> str:
    """Give the sender that a user chose last, "" for none."""
    last = db.select(Message.line).where(Message.user_id == user.id)
    return db.session.scalar(last.order_by(Message.id.desc()).limit(1)) or ""


def last_price(calling_code: str) -> Message | None:
    """Find the last message to a country of which the PBX gave the price."""
    priced = db.select(Message).where(
        Message.state == MessageState.SENT,
        Message.cost != "",
        Message.parts > 0,
        Message.number.startswith(f"+{calling_code}"),
    )
    newest_first = priced.order_by(Message.at.desc(), Message.id.desc())
    found: Message | None = db.session.scalar(newest_first.limit(1))
    return found


def _page(wanted: "Select[Message]", before: int | None) -> Page:
    last = db.session.get(Message, before) if before is not None else None
    if last is not None:
        wanted = wanted.where(tuple_(Message.at, Message.id) < tuple_(last.at, last.id))
    rows = db.session.scalars(
        wanted.options(joinedload(Message.user))
        .order_by(Message.at.desc(), Message.id.desc())
        .limit(SHOWN_AT_ONCE + 1)
    ).all()
    has_more = len(rows) > SHOWN_AT_ONCE
    rows = rows[:SHOWN_AT_ONCE]
    return Page(rows, rows[-1].id if has_more else None)
