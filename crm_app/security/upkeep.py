"""Retention of security events: addresses are shortened, old events deleted, totals kept."""

from datetime import timedelta

from sqlalchemy import delete, func, insert, select, update

from crm_app import clock
from crm_app.extensions import db
from crm_app.security.addresses import shortened
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityCount, SecurityEvent

KEEPS_WHOLE_ADDRESSES_FOR = timedelta(days=30)
KEEPS_EVENTS_FOR = timedelta(days=365)
# Limits per kind, so that a flood of one kind does not push out the others.
MOST_OF_A_KIND = 10_000
_ADDRESSES_AT_ONCE = 1_000


def purge() -> None:
    """Shorten old addresses, and delete events that are too old or too many; the caller commits."""
    _shorten_addresses()
    oldest = clock.now() - KEEPS_EVENTS_FOR
    for kind in Kind:
        first_too_many = db.session.execute(
            select(SecurityEvent.at, SecurityEvent.id)
            .where(SecurityEvent.kind == kind)
            .order_by(SecurityEvent.at.desc(), SecurityEvent.id.desc())
            .offset(MOST_OF_A_KIND)
            .limit(1)
        ).first()
        _delete(kind, max(oldest, first_too_many.at) if first_too_many else oldest)


def totals() -> dict[str, int]:
    """Count how often each kind of event has ever happened."""
    gone = select(SecurityCount.kind, SecurityCount.total)
    kept = select(SecurityEvent.kind, func.sum(SecurityEvent.count)).group_by(SecurityEvent.kind)
    found = {kind.value: 0 for kind in Kind}
    for rows in (db.session.execute(gone), db.session.execute(kept)):
        for kind, count in rows:
            found[kind] = found.get(kind, 0) + int(count)
    return found


def _shorten_addresses() -> None:
    is_old = SecurityEvent.at < clock.now() - KEEPS_WHOLE_ADDRESSES_FOR
    is_whole = (SecurityEvent.address > "") & SecurityEvent.address.not_like("%/%")
    addresses = db.session.scalars(
        select(SecurityEvent.address).where(is_old, is_whole).distinct().limit(_ADDRESSES_AT_ONCE)
    ).all()
    for address in addresses:
        db.session.execute(
            update(SecurityEvent)
            .where(is_old, SecurityEvent.address == address)
            .values(address=shortened(address))
        )


def _delete(kind: Kind, until: object) -> None:
    """Delete the events of a kind up to a moment; the totals still count them."""
    gone = (SecurityEvent.kind == kind) & (SecurityEvent.at <= until)
    count = db.session.scalar(select(func.sum(SecurityEvent.count)).where(gone))
    if not count:
        return
    db.session.execute(delete(SecurityEvent).where(gone))
    grown = db.session.execute(
        update(SecurityCount)
        .where(SecurityCount.kind == kind)
        .values(total=SecurityCount.total + count)
    )
    if not grown.rowcount:  # type: ignore[attr-defined]
        db.session.execute(insert(SecurityCount).values(kind=kind, total=count))
