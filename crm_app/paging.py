"""Keyset paging: page 10,000 costs what page 1 costs, on both engines."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Integer, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, scoped_session

from crm_app.database import LARGEST_ID, UtcDateTime

PAGE_SIZE = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of rows and the cursors of its neighbours ("" where there is none)."""

    rows: list[T]
    previous: str = ""
    next: str = ""


def fetch_page(
    session: Session | scoped_session[Any],
    statement: Select[T],
    keys: Sequence[InstrumentedAttribute[Any]],
    *,
    cursor: str = "",
    descending: bool = False,
    size: int = PAGE_SIZE,
) -> Page[T]:
    """Fetch one page of ORM rows in the order of `keys`, the last of which must be unique.

    `keys` are columns of the selected entity without NULLs, all read in one direction, so that
    one index serves. `cursor` comes from an earlier Page; one that cannot be read gives page one.
    """
    position = _decode(cursor, keys)
    backwards = position is not None and position[0] == "p"
    if position is not None:
        row_value = tuple_(*keys)
        edge = tuple_(
            *[literal(value, key.type) for key, value in zip(keys, position[1], strict=True)]
        )
        forwards_is_less = descending != backwards
        statement = statement.where(row_value < edge if forwards_is_less else row_value > edge)
    down = descending != backwards
    ordered = statement.order_by(None).order_by(*[k.desc() if down else k.asc() for k in keys])
    rows = list(session.scalars(ordered.limit(size + 1)).unique())
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    has_next = backwards or more
    has_previous = more if backwards else position is not None
    return Page(
        rows,
        previous=_encode("p", rows[0], keys) if rows and has_previous else "",
        next=_encode("n", rows[-1], keys) if rows and has_next else "",
    )


def cursor_at(row: Any, keys: Sequence[InstrumentedAttribute[Any]]) -> str:
    """Return the cursor of the page that begins after a row."""
    return _encode("n", row, keys)


def _encode(direction: str, row: Any, keys: Sequence[InstrumentedAttribute[Any]]) -> str:
    values = [getattr(row, key.key) for key in keys]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    packed = json.dumps([direction, plain], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def _decode(
    cursor: str, keys: Sequence[InstrumentedAttribute[Any]]
) -> tuple[str, list[Any]] | None:
    if not cursor:
        return None
    try:
        direction, plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_typed(key, value) for key, value in zip(keys, plain, strict=True)]
        return (direction, values) if direction in ("p", "n") else None
    # Too deep, too early: a cursor can be anything that somebody wrote into an address.
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        return None


def _typed(key: InstrumentedAttribute[Any], value: Any) -> Any:
    """Return a value as its column takes it; ValueError when it is of another kind."""
    if isinstance(key.type, UtcDateTime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(UTC)
    if isinstance(key.type, Integer):
        if type(value) is not int or abs(value) > LARGEST_ID:
            raise ValueError("no number of a row")
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("no text")
    value.encode()  # half a surrogate pair is a ValueError too
    return value
