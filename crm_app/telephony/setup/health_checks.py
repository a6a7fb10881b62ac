"""Whether the connection with the PBX works: one health check per possible fault."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, ScalarSelect, func, select, union_all

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import CallFact
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.office.services import opening_hours
from crm_app.recordings.models import Recording
from crm_app.recordings.models import State as RecordingState
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from crm_app.telephony.connection import Link
from crm_app.telephony.models import LampState, TelephonySettings, UnreadableRequest
from crm_app.telephony.routing import phones
from crm_app.telephony.services import REFUSALS
from crm_app.telephony.setup import balances, registration

# What the PBX posts; the other kinds are our own.
POSTED = (
    FactKind.STARTED, FactKind.RANG, FactKind.ANSWERED, FactKind.ENDED, FactKind.OUTGOING_STARTED,
    FactKind.OUTGOING_ENDED, FactKind.RECORDED, FactKind.MENU, FactKind.STOPPED_RINGING,
)  # fmt: skip
STARTS = (FactKind.STARTED, FactKind.OUTGOING_STARTED)
State = Literal["ok", "warn", "bad", "unknown"]
# This many working hours without a notification are a warning.
LONG_SILENCE = timedelta(hours=4)
_UNREADABLE_IS_NEWS_FOR = timedelta(days=7)
_REFUSAL_IS_NEWS_FOR = timedelta(days=1)
SHIFT_IS_NEWS_FOR = timedelta(days=2)
# The code of the extensions when there are more phones than can be known of at once.
MANY_PHONES = "many"
# Between the start of a call and our receiving it.
_CLOCKS_AGREE_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The state of one thing: ok, warn, bad or unknown.

    `code` chooses its sentence where a state has several; `names` and `count` complete it; `at` is
    when it was seen.
    """

    name: str
    state: State
    at: datetime | None = None
    names: str = ""
    count: int = 0
    code: str = ""


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
    unreadable = select(func.count(), func.max(UnreadableRequest.received_at)).where(
        UnreadableRequest.received_at > clock.now() - _UNREADABLE_IS_NEWS_FOR
    )
    count, at = db.session.execute(unreadable).one()
    last_at = last_event_at()
    return Arrivals(last_at, count, at, _is_refused_since(last_at))


def last_event_at() -> datetime | None:
    """Query when the PBX last posted something about a call.

    Recordings are not asked: some are found by us, and all follow the end of a call.
    """
    kinds = [kind for kind in POSTED if kind is not FactKind.RECORDED]
    # Facts of our own making have no raw text.
    row = db.session.execute(select(*(last_received(kind, CallFact.raw != "") for kind in kinds)))
    return max(filter(None, row.one()), default=None)


def last_received(kind: FactKind, *conditions: ColumnElement[bool]) -> ScalarSelect[datetime]:
    """Select when the newest fact of a kind came, from the end of its own index.

    The end of the table may be years of statistics.
    """
    newest = select(CallFact.received_at).where(CallFact.kind == kind, *conditions)
    return newest.order_by(CallFact.received_at.desc()).limit(1).scalar_subquery()


def newest_starts(count: int) -> Sequence[CallFact]:
    """Query the facts of the calls that began last, the newest first."""
    newest = (
        select(CallFact.id)
        .where(CallFact.kind == kind)
        .order_by(CallFact.received_at.desc(), CallFact.id.desc())
        .limit(count)
        .subquery()
        for kind in STARTS
    )
    ids = union_all(*(select(some.c.id) for some in newest))
    facts = select(CallFact).where(CallFact.id.in_(ids)).order_by(CallFact.id.desc()).limit(count)
    return db.session.scalars(facts).all()


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
    """Run all checks in the order of the set-up, from what is stored: nobody is asked."""
    networks = config.webhook_allowed_networks
    address = webhook_url(config, settings.webhook_token)
    asked = LampState.all()
    return [
        HealthCheck("keys", connection(settings, link), settings.tested_at),
        _clock(settings, asked.get("clock")),
        _balance(settings),
        _extensions(settings),
        _echo(asked.get("echo"), address),
        _address(asked.get("address"), address),
        _stored("notifications", asked.get("notifications")),
        HealthCheck("events", _events(seen, config.default_timezone), seen.last_event_at),
        _recording(settings),
        HealthCheck("stream", "unknown"),
        _shift(settings),
        _lost(settings),
        HealthCheck("api", _api(settings), settings.tested_at, code=settings.last_error),
        HealthCheck("responsible", "ok" if _has_responsible(settings) else "warn"),
        HealthCheck("senders", "warn" if networks is None else "ok", names=_listed(networks or ())),
        _unreadable(seen),
    ]


def _stored(name: str, asked: LampState | None) -> HealthCheck:
    if asked is None:
        return HealthCheck(name, "unknown")
    details: dict[str, Any] = asked.details
    names = details.get("host") or ", ".join(details.get("off", ()))
    state: State = asked.state  # type: ignore[assignment]
    return HealthCheck(name, state, asked.asked_at, names, code=asked.code)


def _echo(asked: LampState | None, address: str) -> HealthCheck:
    """Say whether the PBX reached our address, the one that we have now."""
    if asked is None or asked.details.get("digest") != registration.digest_of(address):
        return HealthCheck("echo", "unknown")
    code = "private" if asked.state == "bad" and not is_reachable(address) else ""
    return replace(_stored("echo", asked), code=code, names=address.rpartition("/zadarma")[0])


def _address(asked: LampState | None, address: str) -> HealthCheck:
    found = _stored("address", asked)
    if (
        asked is not None
        and found.state == "ok"
        and asked.details.get("digest") != registration.digest_of(address)
    ):
        # Ours has changed since: the token, or the name of the server.
        return replace(found, state="bad", code="old")
    return found


def connection(settings: TelephonySettings, link: Link) -> State:
    """Check for keys that Zadarma accepts; unknown until it was asked."""
    if not link.is_connected or settings.last_error in REFUSALS:
        return "bad"
    return "unknown" if settings.tested_at is None else "ok"


def _api(settings: TelephonySettings) -> State:
    if settings.tested_at is None:
        return "unknown"
    return "bad" if settings.last_error else "ok"


def _balance(settings: TelephonySettings) -> HealthCheck:
    if settings.balance_cents is None:
        return HealthCheck("balance", "unknown")
    state: State = "ok"
    days = balances.days_left(settings.balance_cents)
    if settings.balance_cents <= 0:
        state = "bad"
    elif days is not None and days < balances.FEW_DAYS:
        state = "warn"
    return HealthCheck("balance", state, settings.balance_at, count=days or 0)


def _extensions(settings: TelephonySettings) -> HealthCheck:
    if settings.extensions_at is None:
        return HealthCheck("extensions", "unknown")
    vanished = vanished_extensions(settings)
    users = User.enabled().where(User.extension.in_(vanished))
    names = [f"{user.name} ({user.extension})" for user in db.session.scalars(users)]
    if not settings.extensions:
        return HealthCheck("extensions", "bad", settings.extensions_at)
    asked_about = len(phones.wanted())
    if not vanished and asked_about > phones.MOST_KNOWN:
        most = str(phones.MOST_KNOWN)
        return HealthCheck(
            "extensions", "warn", settings.extensions_at, most, asked_about, MANY_PHONES
        )
    state: State = "warn" if vanished else "ok"
    return HealthCheck("extensions", state, settings.extensions_at, ", ".join(names), len(names))


def _events(seen: Arrivals, timezone: str) -> State:
    if seen.is_refused_since:
        return "bad"
    if seen.last_event_at is None:
        return "unknown"
    quiet = opening_hours(timezone).working_time(seen.last_event_at, clock.now())
    return "warn" if quiet > LONG_SILENCE else "ok"


def _unreadable(seen: Arrivals) -> HealthCheck:
    if seen.unreadable_count:
        return HealthCheck(
            "unreadable", "warn", seen.last_unreadable_at, count=seen.unreadable_count
        )
    return HealthCheck("unreadable", "unknown" if seen.last_event_at is None else "ok")


def _clock(settings: TelephonySettings, asked: LampState | None) -> HealthCheck:
    found, drift = _stored("clock", asked), clock_drift(settings)
    if drift is None or found.state == "warn":
        return found
    return replace(found, state="ok" if abs(drift) <= _CLOCKS_AGREE_WITHIN else "warn")


def _shift(settings: TelephonySettings) -> HealthCheck:
    """Say whether the account's clock has moved lately, as the balance of days does."""
    at = settings.clock_shifted_at
    if at is not None and clock.now() - at < SHIFT_IS_NEWS_FOR:
        return HealthCheck("shift", "warn", at)
    return HealthCheck("shift", "unknown" if settings.pbx_offset_seconds is None else "ok")


def _lost(settings: TelephonySettings) -> HealthCheck:
    """Say whether calls come without notifications, as the banner on every page does."""
    if settings.events_lost_since is not None:
        return HealthCheck("lost", "bad", settings.events_lost_since)
    if settings.switches.polling == "off":
        return HealthCheck("lost", "unknown", code="polling_off")
    return HealthCheck("lost", "unknown" if settings.reconciled_at is None else "ok")


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
    starts = newest_starts(1)
    if not starts:
        return None
    (newest,) = starts
    try:
        wall = datetime.strptime(newest.fact.pbx_time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    offset = timedelta(seconds=settings.pbx_offset_seconds or 0)
    drift = wall - offset - newest.received_at
    # An old notification that was sent again says nothing about clocks.
    return None if abs(drift) > timedelta(days=1) else drift


def _recording(settings: TelephonySettings) -> HealthCheck:
    """Look at the newest recording that was fetched or given up."""
    if not settings.switches.is_on("record_copies"):
        return HealthCheck("recording", "unknown", code="switched_off")
    newest = (
        select(Recording.state, Recording.reason, Recording.recorded_at, Recording.fetched_at)
        .where(Recording.state.in_([RecordingState.READY, RecordingState.FAILED]))
        .order_by(Recording.recorded_at.desc(), Recording.id.desc())
        .limit(1)
    )
    row = db.session.execute(newest).first()
    if row is None:
        return HealthCheck("recording", "unknown")
    if row.state == RecordingState.READY:
        return HealthCheck("recording", "ok", row.fetched_at)
    return HealthCheck("recording", "bad", row.recorded_at, names=row.reason)


def _has_responsible(settings: TelephonySettings) -> bool:
    user = settings.default_responsible
    return user is not None and user.active
