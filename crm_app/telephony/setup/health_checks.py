"""Whether the connection with the PBX works: one health check per possible fault."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import CallFact
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from crm_app.telephony.connection import Link
from crm_app.telephony.models import TelephonySettings, UnreadableRequest
from crm_app.telephony.services import REFUSALS

State = Literal["ok", "warn", "bad", "unknown"]
# Fixed until offices can set their working hours.
OPENS, CLOSES, SATURDAY = time(9), time(18), 5
# This many working hours without a notification are a warning.
LONG_SILENCE = timedelta(hours=4)
_UNREADABLE_IS_NEWS_FOR = timedelta(days=7)
_REFUSAL_IS_NEWS_FOR = timedelta(days=1)
# Between the start of a call and our receiving it.
_CLOCKS_AGREE_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The state of one thing: ok, warn, bad or unknown.

    `at` is when it was seen; `names` and `count` complete its sentence.
    """

    name: str
    state: State
    at: datetime | None = None
    names: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the PBX has sent lately."""

    last_event_at: datetime | None
    unreadable_count: int
    last_unreadable_at: datetime | None
    # Whether signatures were refused after the last one that was right.
    is_refused_since: bool = False


def webhook_url(config: Config, token: str) -> str:
    """Return the address that the PBX must post to."""
    return f"{config.base_url}/zadarma{f'/{token}' if token else ''}"


def is_reachable(url: str) -> bool:
    """Check that an address is https and on a host that others can reach."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host


def arrivals() -> Arrivals:
    """Query when the PBX last sent something, and what could not be read."""
    # Facts of our own making have no raw text.
    last = (
        select(CallFact.received_at).where(CallFact.raw != "").order_by(CallFact.id.desc()).limit(1)
    )
    unreadable = select(func.count(), func.max(UnreadableRequest.received_at)).where(
        UnreadableRequest.received_at > clock.now() - _UNREADABLE_IS_NEWS_FOR
    )
    count, at = db.session.execute(unreadable).one()
    last_at = db.session.scalar(last)
    return Arrivals(last_at, count, at, _is_refused_since(last_at))


def _is_refused_since(last_at: datetime | None) -> bool:
    """Check for a refused signature in the last day with no accepted one after it."""
    since = max(filter(None, (last_at, clock.now() - _REFUSAL_IS_NEWS_FOR)))
    refused = select(SecurityEvent.id).where(
        SecurityEvent.kind == Kind.WEBHOOK_REFUSED,
        SecurityEvent.detail == "signature",
        SecurityEvent.last_at > since,
    )
    return db.session.scalar(refused.limit(1)) is not None


def run(
    settings: TelephonySettings, link: Link, config: Config, seen: Arrivals
) -> list[HealthCheck]:
    """Run all checks, the most basic first."""
    networks = config.webhook_allowed_networks
    address = webhook_url(config, settings.webhook_token)
    return [
        HealthCheck("keys", connection(settings, link), settings.tested_at),
        HealthCheck("api", _api(settings), settings.tested_at),
        HealthCheck("balance", _balance(settings), settings.balance_at),
        HealthCheck("address", "ok" if is_reachable(address) else "warn"),
        HealthCheck("senders", "warn" if networks is None else "ok", names=_listed(networks or ())),
        HealthCheck("responsible", "ok" if _has_responsible(settings) else "warn"),
        _extensions(settings),
        HealthCheck("events", _events(seen, config.default_timezone), seen.last_event_at),
        _unreadable(seen),
        HealthCheck("clock", _clock(settings)),
    ]


def connection(settings: TelephonySettings, link: Link) -> State:
    """Check for keys that Zadarma accepts; unknown until it was asked."""
    if not link.is_connected or settings.last_error in REFUSALS:
        return "bad"
    return "unknown" if settings.tested_at is None else "ok"


def _api(settings: TelephonySettings) -> State:
    if settings.tested_at is None:
        return "unknown"
    return "bad" if settings.last_error else "ok"


def _balance(settings: TelephonySettings) -> State:
    if settings.balance_cents is None:
        return "unknown"
    return "ok" if settings.balance_cents > 0 else "bad"


def _extensions(settings: TelephonySettings) -> HealthCheck:
    if settings.extensions_at is None:
        return HealthCheck("extensions", "unknown")
    vanished = vanished_extensions(settings)
    users = User.enabled().where(User.extension.in_(vanished))
    names = [f"{user.name} ({user.extension})" for user in db.session.scalars(users)]
    state: State = "warn" if vanished else "ok"
    return HealthCheck("extensions", state, settings.extensions_at, ", ".join(names), len(names))


def _events(seen: Arrivals, timezone: str) -> State:
    if seen.is_refused_since:
        return "bad"
    if seen.last_event_at is None:
        return "unknown"
    quiet = working_time(seen.last_event_at, clock.now(), timezone)
    return "warn" if quiet > LONG_SILENCE else "ok"


def _unreadable(seen: Arrivals) -> HealthCheck:
    if seen.unreadable_count:
        return HealthCheck(
            "unreadable", "warn", seen.last_unreadable_at, count=seen.unreadable_count
        )
    return HealthCheck("unreadable", "unknown" if seen.last_event_at is None else "ok")


def _clock(settings: TelephonySettings) -> State:
    drift = clock_drift(settings)
    if drift is None:
        return "unknown"
    return "ok" if abs(drift) <= _CLOCKS_AGREE_WITHIN else "warn"


def working_time(since: datetime, until: datetime, timezone: str) -> timedelta:
    """Add up the working hours (Monday to Friday, 9 to 18) that lie between two moments.

    Of a longer span only the last month counts.
    """
    zone = ZoneInfo(timezone)
    since = max(since, until - timedelta(days=31)).astimezone(zone)
    until = until.astimezone(zone)
    total = timedelta()
    day = since.date()
    while day <= until.date():
        if day.weekday() < SATURDAY:
            opens = max(since, datetime.combine(day, OPENS, zone))
            closes = min(until, datetime.combine(day, CLOSES, zone))
            total += max(closes - opens, timedelta())
        day += timedelta(days=1)
    return total


def _listed(networks: Iterable[object]) -> str:
    return ", ".join(str(network) for network in networks)


def vanished_extensions(settings: TelephonySettings) -> set[str]:
    """Find assigned extensions that the PBX does not have; none while its list is unknown."""
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


def _has_responsible(settings: TelephonySettings) -> bool:
    user = settings.default_responsible
    return user is not None and user.active
