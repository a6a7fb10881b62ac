"""Is the link with the PBX alive? One lamp for each thing that can be wrong."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.facts import FactKind
from crm_app.calls.models import CallFact
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.telephony.connection import Link
from crm_app.telephony.models import TelephonySettings, UnreadableRequest

Colour = Literal["green", "yellow", "red"]
_UNREADABLE_IS_NEWS_FOR = timedelta(days=7)
# Between the start of a call and our receiving it.
_CLOCKS_AGREE_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Lamp:
    """One thing that is well (green), worth a look (yellow) or broken (red)."""

    name: str
    colour: Colour

    @property
    def is_lit(self) -> bool:
        """Tell whether all is well."""
        return self.colour == "green"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What has come from the PBX lately."""

    last_event_at: datetime | None
    unreadable_count: int
    last_unreadable_at: datetime | None


def webhook_url(config: Config, token: str) -> str:
    """Give the address that the PBX must post to."""
    return f"{config.base_url}/zadarma{f'/{token}' if token else ''}"


def is_reachable(url: str) -> bool:
    """Tell whether an address is https and on a host that is not this machine only."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host


def arrivals() -> Arrivals:
    """Look up when the PBX was last heard, and what of it could not be understood."""
    # Facts of our own making have no raw text.
    last = (
        select(CallFact.received_at).where(CallFact.raw != "").order_by(CallFact.id.desc()).limit(1)
    )
    unreadable = select(func.count(), func.max(UnreadableRequest.received_at)).where(
        UnreadableRequest.received_at > clock.now() - _UNREADABLE_IS_NEWS_FOR
    )
    count, at = db.session.execute(unreadable).one()
    return Arrivals(db.session.scalar(last), count, at)


def lamps(settings: TelephonySettings, link: Link, config: Config, seen: Arrivals) -> list[Lamp]:
    """Look at everything that can be wrong, the most basic first."""
    found = [_lamp("keys", link.is_connected, "red")]
    if link.is_connected:
        has_answered = settings.balance_at is not None and not settings.last_error
        found.append(_lamp("api", has_answered, "red"))
        if settings.balance_cents is not None:
            found.append(_lamp("balance", settings.balance_cents > 0, "red"))
    found += [
        _lamp("address", is_reachable(webhook_url(config, settings.webhook_token)), "yellow"),
        _lamp("senders", config.webhook_allowed_networks is not None, "yellow"),
        _lamp("responsible", _has_responsible(settings), "yellow"),
    ]
    if settings.extensions_at is not None:
        found.append(_lamp("extensions", not vanished_extensions(settings), "yellow"))
    found += [
        _lamp("events", seen.last_event_at is not None, "yellow"),
        _lamp("unreadable", seen.unreadable_count == 0, "yellow"),
    ]
    drift = clock_drift(settings)
    if drift is not None:
        found.append(_lamp("clock", abs(drift) <= _CLOCKS_AGREE_WITHIN, "yellow"))
    return found


def vanished_extensions(settings: TelephonySettings) -> set[str]:
    """Find extensions that people have and the PBX has not; none while the list is unknown."""
    if settings.extensions_at is None:
        return set()
    own = db.session.scalars(select(User.extension).where(User.active, User.extension.is_not(None)))
    return {extension for extension in own if extension} - set(settings.extensions)


def clock_drift(settings: TelephonySettings) -> timedelta | None:
    """Compare the newest call's start, by the PBX's clock and the account's zone, with ours."""
    newest = db.session.scalars(
        select(CallFact)
        .where(CallFact.kind.in_([FactKind.STARTED, FactKind.OUTGOING_STARTED]))
        .order_by(CallFact.id.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    try:
        wall = datetime.strptime(newest.fact.pbx_time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    offset = timedelta(seconds=settings.clock_offset_seconds or 0)
    drift = wall - offset - newest.received_at
    # An old notification that was sent again says nothing about clocks.
    return None if abs(drift) > timedelta(days=1) else drift


def _lamp(name: str, is_well: bool, otherwise: Colour) -> Lamp:
    return Lamp(name, "green" if is_well else otherwise)


def _has_responsible(settings: TelephonySettings) -> bool:
    user = settings.default_responsible
    return user is not None and user.active
