"""The numbers whose callers never become clients by themselves: suppliers, services, families."""

from collections.abc import Sequence

from sqlalchemy import Connection, literal, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import Changes, change
from crm_app.telephony.new_clients.models import REASON_LENGTH, IgnoredNumber
from crm_app.text import clean, limited

# "*" or an ellipsis after the digits means all numbers that begin so.
_ENDS = ("*", "…")
SHORTEST_BEGINNING = 3
MOST = 1_000


def holds(connection: Connection, number: str) -> bool:
    """Whether a number is on the list, by itself or by its beginning."""
    begins = IgnoredNumber.is_prefix & literal(number).startswith(IgnoredNumber.number)
    found = select(IgnoredNumber.id).where(or_(IgnoredNumber.number == number, begins)).limit(1)
    return connection.scalar(found) is not None


def everything() -> Sequence[IgnoredNumber]:
    """List the numbers, with who put them there."""
    rows = select(IgnoredNumber).options(joinedload(IgnoredNumber.user))
    return db.session.scalars(rows.order_by(IgnoredNumber.number, IgnoredNumber.id)).all()


def add(typed: str, reason: str, country: str, by: User) -> IgnoredNumber:
    """Put a number on the list, or with a * at its end all that begin so; flushed.

    `country` is the two-letter code of national numbers. Raises InvalidInputError on `number`
    (required, prefix_too_short, already_ignored, too_many_ignored, and those of
    phone_numbers.read), or too_long on `reason`.
    """
    reason = limited(reason, "reason", REASON_LENGTH)
    number, is_prefix = read(typed, country)
    same = (IgnoredNumber.number == number, IgnoredNumber.is_prefix == is_prefix)
    if db.session.scalar(select(IgnoredNumber.id).where(*same)) is not None:
        raise InvalidInputError("already_ignored", "number")
    if len(everything()) >= MOST:
        raise InvalidInputError("too_many_ignored", "number", most=MOST)
    row = IgnoredNumber(number=number, is_prefix=is_prefix, reason=reason, user_id=by.id)
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        # A colleague has added it at the same moment.
        raise InvalidInputError("already_ignored", "number") from None
    _write_down("number_ignored", by, {"ignored": change(None, _words(row))})
    return row


def remove(row: IgnoredNumber, by: User) -> None:
    """Take a number off the list."""
    db.session.delete(row)
    db.session.flush()
    _write_down("number_not_ignored", by, {"ignored": change(_words(row), None)})


def read(typed: str, country: str) -> tuple[str, bool]:
    """Read what was typed as a number (E.164) or a beginning of numbers, and which it is.

    Raises InvalidInputError on `number` as `add`.
    """
    text = clean(typed)
    if not text:
        raise InvalidInputError("required", "number")
    if not text.endswith(_ENDS):
        try:
            return phone_numbers.parse(text, country), False
        except InvalidInputError as error:
            raise InvalidInputError(error.code, "number", **error.details) from error
    beginning = phone_numbers.beginning(text.rstrip("".join(_ENDS)), country)
    if len(beginning) <= SHORTEST_BEGINNING:
        raise InvalidInputError("prefix_too_short", "number", least=SHORTEST_BEGINNING)
    return beginning, True


def _words(row: IgnoredNumber) -> str:
    return f"{row.number}{'*' if row.is_prefix else ''}"


def _write_down(action: str, by: User, shown: Changes) -> None:
    journal.record(RecordKind.TELEPHONY, ONLY, action, by, shown)
