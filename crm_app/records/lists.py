"""A list as a value: what it is narrowed by, and its order; from and to an address, and to SQL.

Whatever works on a list (its page, saved filters, changes to many, exports, reports) takes this
value; nothing here needs a request.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any, ClassVar, Self, TypeVar

from sqlalchemy import ColumnElement, Select, false
from sqlalchemy.orm import InstrumentedAttribute

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.local_time import LAST_DAY, LocalTime
from crm_app.paging import PAGE_SIZE, Page, fetch_page
from crm_app.text import clean
from crm_app.web.ids import read_id

# Whose records are meant, where it is not one user's id.
ME, NOBODY, ALL = "me", "nobody", "all"
SORT = "sort"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SortOrder:
    """One way to sort a list: columns without NULLs, the last unique, which one index serves."""

    keys: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False

    def page(self, statement: "Select[T]", cursor: str = "", size: int = PAGE_SIZE) -> Page[T]:
        """Read one page of a select in this order."""
        return fetch_page(
            db.session(), statement, self.keys, cursor=cursor, descending=self.descending, size=size
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter:
    """What a list is narrowed by, and its order: a value that can be compared, hashed and stored.

    The fields of a subclass are made by the functions below; their defaults narrow nothing.
    """

    # By name, the default first.
    ORDERS: ClassVar[Mapping[str, SortOrder]]
    # "" is the default.
    order: str = ""

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> Self:
        """Read the arguments of an address, whatever stands there; nothing is refused."""
        values = {name: read(args.get(name, "")) for name, read in cls._readers().items()}
        order = args.get(SORT, "")
        is_other = order in list(cls.ORDERS)[1:]
        return cls(**values, order=order if is_other else "")

    def to_args(self) -> dict[str, str]:
        """Return the arguments from which `from_args` reads this value."""
        values = {name: getattr(self, name) for name in self._readers()} | {SORT: self.order}
        written = {name: "1" if value is True else value for name, value in values.items()}
        return {name: str(value) for name, value in written.items() if value}

    @classmethod
    def _readers(cls) -> dict[str, Callable[[str], Any]]:
        return {one.name: one.metadata["read"] for one in fields(cls) if one.metadata}

    @property
    def is_empty(self) -> bool:
        """Whether nothing narrows the list, in whatever order."""
        return replace(self, order="") == type(self)()

    @property
    def sort_order(self) -> SortOrder:
        """The order that was asked for."""
        return self.ORDERS[self.order or next(iter(self.ORDERS))]

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a record; what `user` may see is not among it.

        `user` is who looks at the list, `local` the clock where they are.
        """
        raise NotImplementedError


def words(most: int = 200) -> Any:
    """Declare a field that holds what was typed, cleaned and cut."""
    return _field(lambda raw: clean(clean(raw)[:most]), "")


def one_of(choices: Collection[str]) -> Any:
    """Declare a field that holds one of these texts, or "" for any."""
    return _field(lambda raw: raw if raw in choices else "", "")


def row_id() -> Any:
    """Declare a field that holds the id of a row, or None."""
    return _field(lambda raw: read_id(raw) or None, None)


def flag() -> Any:
    """Declare a field that holds whether only the records with a mark are wanted."""
    return _field(lambda raw: raw == "1", False)


def whose(*others: str, otherwise: str = "") -> Any:
    """Declare a field that holds ME, NOBODY, one of `others`, the id of a user, or "" for any.

    What is none of these is read as `otherwise`.
    """

    def read(raw: str) -> str:
        if raw in {"", ME, NOBODY, *others}:
            return raw
        return str(read_id(raw) or otherwise)

    return _field(read, "")


def _field(read: Callable[[str], Any], default: Any) -> Any:
    return field(default=default, metadata={"read": read})


def belonging_to(
    column: InstrumentedAttribute[int | None], who: str, user: User
) -> list[ColumnElement[bool]]:
    """Return what must hold for a record of those whom a field made by `whose` means."""
    if who in {"", ALL}:
        return []
    if who == NOBODY:
        return [column.is_(None)]
    return [column == (user.id if who == ME else int(who))]


def day_of(typed: str) -> date | None:
    """Read a day as browsers send it (2026-03-02); None when there is no such day."""
    try:
        read = time.strptime(typed, "%Y-%m-%d")
        return date(read.tm_year, read.tm_mon, read.tm_mday)
    except ValueError:
        return None


def within_days(
    column: InstrumentedAttribute[Any], since: str, until: str, local: LocalTime
) -> list[ColumnElement[bool]]:
    """Return what must hold for a moment from the first of two days to the last.

    Where a day is no day, nothing fits.
    """
    first, last = day_of(since), day_of(until)
    if (since and first is None) or (until and last is None):
        return [false()]
    conditions: list[ColumnElement[bool]] = []
    if first is not None:
        conditions.append(column >= local.midnight(first))
    if last is not None and last < LAST_DAY:
        conditions.append(column < local.midnight(last + timedelta(days=1)))
    return conditions
