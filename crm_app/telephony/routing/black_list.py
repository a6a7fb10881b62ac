"""The black list: whose calls are refused, why, by whom and until when. No verb commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, delete, func, insert, or_, select
from sqlalchemy.orm import joinedload

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.database import add_missing
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import change
from crm_app.local_time import is_too_far
from crm_app.telephony.models import BlockedCall, BlockedNumber, DirectNumber
from crm_app.telephony.routing.lookup import PREFIX_MARK, SHORTEST_PREFIX, patterns_of
from crm_app.telephony.routing.own_numbers import finish_call_backs_later, is_own_number
from crm_app.telephony.switches import Switches
from crm_app.text import limited

REASON_LENGTH = 200
KEEPS_EXPIRED_FOR = timedelta(days=30)
_LONGEST_PREFIX = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One number or prefix of the list, and how often it was refused."""

    row: BlockedNumber
    count: int
    last_at: datetime | None


def block(
    typed: str,
    country: str,
    by: User | None,
    *,
    reason: str = "",
    until: datetime | None = None,
    is_confirmed: bool = False,
) -> BlockedNumber:
    """Put a number on the list, or all that begin alike (`+35191*`); what is on it is changed.

    Agents change only what they put on it: else it would be theirs, and they could take it off.
    `country` is the two-letter code of national numbers; `by` is None for a command. Raises
    InvalidInputError with the codes of `phone_numbers.read`, or number_own, prefix_without_plus,
    prefix_short, prefix_own, prefix_of_managers, blocked_by_another on `number`, too_long on
    `reason`, until_past, until_far on `until`; prefix_of_clients on `confirm`, with their `count`,
    unless `is_confirmed`.
    """
    pattern = check(typed, country)
    if pattern.endswith(PREFIX_MARK) and by is not None and not by.is_manager:
        raise InvalidInputError("prefix_of_managers", "number")
    reason = limited(reason, "reason", REASON_LENGTH)
    if until is not None and until <= clock.now():
        raise InvalidInputError("until_past", "until")
    if until is not None and is_too_far(until):
        raise InvalidInputError("until_far", "until")
    count = 0 if is_confirmed else clients_of(pattern)
    if count:
        raise InvalidInputError("prefix_of_clients", "confirm", count=count)
    by_id = by.id if by is not None else None
    # Two may block it at once.
    add_missing(db.session, BlockedNumber, pattern=pattern, reason=reason, by_id=by_id)
    mine = select(BlockedNumber).where(BlockedNumber.pattern == pattern).with_for_update()
    row = db.session.scalars(mine).one()
    if by is not None and row.is_in_force and not may_unblock(by, row):
        raise InvalidInputError("blocked_by_another", "number")
    row.reason, row.expires_at, row.by_id, row.at = reason, until, by_id, clock.now()
    db.session.flush()
    changes = {"number": change(None, pattern), "reason": change(None, reason)}
    journal.record(RecordKind.TELEPHONY, ONLY, "number_blocked", by, changes)
    finish_call_backs_later(db.session.connection(), pattern, by_id)
    return row


def check(typed: str, country: str) -> str:
    """Read a number or prefix that may be put on the list; raises as `block` does."""
    pattern = pattern_of(typed, country)
    _refuse_own(pattern)
    return pattern


def clients_of(pattern: str) -> int:
    """Count the contacts with a number that begins like a prefix; none for a single number."""
    if not pattern.endswith(PREFIX_MARK):
        return 0
    start = pattern.removesuffix(PREFIX_MARK)
    known = (
        select(func.count(ContactPhone.contact_id.distinct()))
        .join(Contact)
        .where(ContactPhone.number.startswith(start), Contact.deleted_at.is_(None))
    )
    return db.session.scalar(known) or 0


def unblock(typed: str, country: str, by: User | None) -> None:
    """Take a number or a prefix off the list.

    Agents take off only what they put on it. Raises InvalidInputError on `number`: not_blocked,
    blocked_by_another, or the codes of `phone_numbers.read`.
    """
    pattern = pattern_of(typed, country)
    mine = select(BlockedNumber).where(BlockedNumber.pattern == pattern).with_for_update()
    row = db.session.scalars(mine).one_or_none()
    if row is None:
        raise InvalidInputError("not_blocked", "number")
    if by is not None and not may_unblock(by, row):
        raise InvalidInputError("blocked_by_another", "number")
    db.session.delete(row)
    db.session.flush()
    changes = {"number": change(pattern, None)}
    journal.record(RecordKind.TELEPHONY, ONLY, "number_unblocked", by, changes)


def may_unblock(user: User, row: BlockedNumber) -> bool:
    """Whether a user may change what the list says of a number, or take it off."""
    return user.is_manager or row.by_id == user.id


def pattern_of(typed: str, country: str) -> str:
    """Read a number or a prefix as the list keeps it: `+351910000042`, `+35191*`, `16200`.

    Raises InvalidInputError on `number` as `block` does.
    """
    text = typed.strip()
    if not text.endswith((PREFIX_MARK, "…")):
        try:
            return phone_numbers.parse(text, country)
        except InvalidInputError as error:
            raise InvalidInputError(error.code, "number", **error.details) from None
    plain = "".join(sign for sign in text[:-1] if sign not in " -./()\u00a0")
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    if not plain.startswith("+") or not plain[1:].isdecimal() or not plain.isascii():
        raise InvalidInputError("prefix_without_plus", "number")
    if not SHORTEST_PREFIX <= len(plain) <= _LONGEST_PREFIX:
        raise InvalidInputError("prefix_short", "number")
    return plain + PREFIX_MARK


def listed() -> Select[BlockedNumber]:
    """Select the whole list, each entry with who put it there."""
    return select(BlockedNumber).options(joinedload(BlockedNumber.by))


def with_counts(rows: Sequence[BlockedNumber]) -> list[Entry]:
    """Add to rows of the list how often each was refused, and when last, by one query."""
    ids = [row.id for row in rows]
    counted = (
        select(BlockedCall.blocked_id, func.count(), func.max(BlockedCall.at))
        .where(BlockedCall.blocked_id.in_(ids))
        .group_by(BlockedCall.blocked_id)
    )
    counts = {row[0]: (row[1], row[2]) for row in db.session.execute(counted)} if ids else {}
    return [Entry(row, *counts.get(row.id, (0, None))) for row in rows]


def find(pattern: str) -> BlockedNumber | None:
    """Find what refuses the calls of a number now, by the number itself or by the very prefix."""
    row = db.session.scalars(select(BlockedNumber).filter_by(pattern=pattern)).first()
    return row if row is not None and row.is_in_force else None


def refuses(connection: Connection, switches: Switches, number: str, at: datetime) -> bool:
    """Whether the list refuses a number at a moment, as routing matches it; never while it is off.

    `number` is in E.164 or short; "" is on no list.
    """
    if switches.black_list == "off" or not number:
        return False
    is_on = or_(BlockedNumber.expires_at.is_(None), BlockedNumber.expires_at > at)
    on_it = select(BlockedNumber.id).where(BlockedNumber.pattern.in_(patterns_of(number)), is_on)
    return connection.scalar(on_it.limit(1)) is not None


def in_force() -> list[Entry]:
    """List all that is refused now, the newest first."""
    now = clock.now()
    is_on = or_(BlockedNumber.expires_at.is_(None), BlockedNumber.expires_at > now)
    newest = listed().where(is_on).order_by(BlockedNumber.at.desc(), BlockedNumber.id.desc())
    rows = db.session.scalars(newest)
    return with_counts(rows.all())


_COUNT = insert(BlockedCall)


def count(connection: Connection, blocked_id: int, at: datetime) -> None:
    """Note that a call was refused.

    A row of its own: two callers at once then never wait for each other, as they would for one
    counter.
    """
    connection.execute(_COUNT, {"blocked_id": blocked_id, "at": at})


def last_day(row: BlockedNumber, zone: str) -> date | None:
    """Return the last day of an entry that ends with a day in the office's zone, else None."""
    if row.expires_at is None:
        return None
    ends = row.expires_at.astimezone(ZoneInfo(zone))
    return ends.date() - timedelta(days=1) if ends.time() == time.min else None


def forget_expired() -> None:
    """Delete what has not been in force for a month."""
    old = BlockedNumber.expires_at < clock.now() - KEEPS_EXPIRED_FOR
    db.session.execute(delete(BlockedNumber).where(old))


def _refuse_own(pattern: str) -> None:
    if not pattern.endswith(PREFIX_MARK):
        if is_own_number(db.session.connection(), pattern):
            raise InvalidInputError("number_own", "number")
        return
    start = pattern.removesuffix(PREFIX_MARK)
    ours: tuple[Any, ...] = (
        select(DirectNumber.number).where(DirectNumber.number.startswith(start)),
        select(User.mobile).where(User.active, User.mobile.startswith(start)),
    )
    for numbers in ours:
        found = db.session.scalar(numbers.limit(1))
        if found is not None:
            raise InvalidInputError("prefix_own", "number", own=found)
