"""The list of security events, and its filter."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from crm_app.extensions import db
from crm_app.paging import Page, fetch_page
from crm_app.security.kinds import REFUSALS
from crm_app.security.models import SecurityEvent

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What the list is narrowed by; "" and None mean all. `until` itself is not included.

    `kind` is a kind of event, or "refused" for all refusals.
    """

    kind: str = ""
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_events(wanted: EventFilter, cursor: str = "") -> Page[SecurityEvent]:
    """Read one page of security events, the latest first."""
    statement = select(SecurityEvent).options(
        joinedload(SecurityEvent.user), joinedload(SecurityEvent.about)
    )
    if wanted.kind == REFUSED:
        statement = statement.where(SecurityEvent.kind.in_(REFUSALS))
    elif wanted.kind:
        statement = statement.where(SecurityEvent.kind == wanted.kind)
    if wanted.user_id is not None:
        statement = statement.where(
            or_(SecurityEvent.user_id == wanted.user_id, SecurityEvent.about_id == wanted.user_id)
        )
    if wanted.since is not None:
        statement = statement.where(SecurityEvent.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(SecurityEvent.at < wanted.until)
    keys = [SecurityEvent.at, SecurityEvent.id]
    return fetch_page(db.session(), statement, keys, cursor=cursor, descending=True)
