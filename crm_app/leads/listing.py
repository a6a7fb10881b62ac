"""The list of leads: what it may be narrowed by, and the sums of what is left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from crm_app import search_index, search_text
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.paging import Page, fetch_page

NOBODY = "nobody"
MINE = "me"
# Sources are offered from this many of the newest leads, so that the offer costs the same always.
SOURCES_FROM = 500


class Order(StrEnum):
    """How the list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    VALUE = "value"
    TITLE = "title"
    CHANGED = "changed"


# By what each order sorts, and whether from the largest down.
_KEYS: dict[Order, tuple[InstrumentedAttribute[Any], bool]] = {
    Order.NEWEST: (Lead.created_at, True),
    Order.OLDEST: (Lead.created_at, False),
    Order.VALUE: (Lead.sort_value, True),
    Order.TITLE: (Lead.sort_title, False),
    Order.CHANGED: (Lead.updated_at, True),
}


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What the list is narrowed by and its order, as the address says; "" and None mean all."""

    stage_id: int | None = None
    kind: str = ""
    responsible: str = ""
    source: str = ""
    q: str = ""
    order: Order = Order.NEWEST

    @property
    def is_empty(self) -> bool:
        """Tell whether the list is narrowed by nothing, in whatever order."""
        return replace(self, order=Order.NEWEST) == LeadFilter()

    def narrow(
        self, statement: Select[Lead], stages: Sequence[LeadStage], user: User
    ) -> Select[Lead]:
        """Apply the filter; `stages` are all stages, `user` is the one who looks."""
        if self.stage_id is not None:
            statement = statement.where(Lead.stage_id == self.stage_id)
        if self.kind in set(StageKind):
            ids = [stage.id for stage in stages if stage.kind == self.kind]
            statement = statement.where(Lead.stage_id.in_(ids))
        if self.responsible == NOBODY:
            statement = statement.where(Lead.responsible_id.is_(None))
        elif self.responsible:
            own = user.id if self.responsible == MINE else int(self.responsible)
            statement = statement.where(Lead.responsible_id == own)
        if self.source:
            statement = statement.where(Lead.source == self.source)
        if search_text.readings(self.q):
            statement = statement.where(search_index.holding(db.session(), Lead, self.q))
        return statement


def page_of(narrowed: Select[Lead], order: Order, cursor: str) -> Page[Lead]:
    """Read one page of a select of leads, with the names that a row shows."""
    key, is_descending = _KEYS[order]
    named = narrowed.options(
        joinedload(Lead.contact), joinedload(Lead.stage), joinedload(Lead.responsible)
    )
    keys = [key, Lead.id]
    return fetch_page(db.session(), named, keys, cursor=cursor, descending=is_descending)


def sums(statement: Select[Lead]) -> list[tuple[str, int, int]]:
    """Sum what a select of leads holds: currency, number of leads, value in minor units."""
    narrowed = statement.order_by(None).with_only_columns(
        Lead.currency, func.count(), func.coalesce(func.sum(Lead.value_cents), 0)
    )
    rows = db.session.execute(narrowed.group_by(Lead.currency).order_by(Lead.currency))
    # PostgreSQL sums large integers as decimals.
    return [(currency, count, int(cents or 0)) for currency, count, cents in rows]


def recent_sources(statement: Select[Lead]) -> list[str]:
    """List the sources that the newest leads of a select name."""
    newest = (
        statement.with_only_columns(Lead.source)
        .order_by(Lead.created_at.desc(), Lead.id.desc())
        .limit(SOURCES_FROM)
        .subquery()
    )
    names = select(newest.c.source).where(newest.c.source != "").distinct()
    return sorted(db.session.scalars(names), key=search_text.normalise)
