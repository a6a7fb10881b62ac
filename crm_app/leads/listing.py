"""The list of leads: what it may be narrowed by, and the sums of what is left."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload

from crm_app import search_index, search_text
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.local_time import LocalTime
from crm_app.paging import Page
from crm_app.records.lists import ListFilter, SortOrder, belonging_to, one_of, row_id, whose, words

# Sources are offered from this many of the newest leads, so that the offer costs the same always.
SOURCES_FROM = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFilter(ListFilter):
    """What of the leads is wanted."""

    ORDERS = {
        "newest": SortOrder((Lead.created_at, Lead.id), descending=True),
        "oldest": SortOrder((Lead.created_at, Lead.id)),
        "value": SortOrder((Lead.sort_value, Lead.id), descending=True),
        "title": SortOrder((Lead.sort_title, Lead.id)),
        "changed": SortOrder((Lead.updated_at, Lead.id), descending=True),
    }
    q: str = words()
    state: str = one_of(set(StageKind))
    stage: int | None = row_id()
    responsible: str = whose()
    source: str = words(60)

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a lead."""
        conditions = belonging_to(Lead.responsible_id, self.responsible, user)
        if self.stage is not None:
            conditions.append(Lead.stage_id == self.stage)
        if self.state:
            # As values: by a subquery the list would not be read in the order of an index.
            of_kind = select(LeadStage.id).where(LeadStage.kind == self.state)
            conditions.append(Lead.stage_id.in_(db.session.scalars(of_kind).all()))
        if self.source:
            conditions.append(Lead.source == self.source)
        if search_text.readings(self.q):
            conditions.append(search_index.holding(db.session(), Lead, self.q))
        return conditions


def page_of(narrowed: Select[Lead], order: SortOrder, cursor: str) -> Page[Lead]:
    """Read one page of a select of leads, with the names that a row shows."""
    named = narrowed.options(
        joinedload(Lead.contact), joinedload(Lead.stage), joinedload(Lead.responsible)
    )
    return order.page(named, cursor)


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
