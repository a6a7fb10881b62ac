"""The connection with the PBX: cached keys, token and switches, and a client of its API."""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from limits import RateLimitItemPerSecond
from sqlalchemy import Engine, select

from crm_app import database
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.database import is_away
from crm_app.encryption import Vault, WrongKeyError
from crm_app.telephony.models import WARNINGS, LampState, TelephonySettings
from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.client import RequestKind, ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

MAX_AGE_SECONDS = 1.0
# The provider's limits count per account, so one process cannot know the total. A second more than
# a minute, because requests are not all equally long under way.
_ALL = RateLimitItemPerSecond(100, 61)
# What nobody waits for may take so many of them, all of it together: people's clicks and the states
# of the phones always find room, however much else there is to ask.
_BACKGROUND = RateLimitItemPerSecond(30, 61)
_STATISTICS = RateLimitItemPerSecond(3, 61)
log = structlog.get_logger(__name__)

_table = TelephonySettings.__table__
_lamps = LampState.__table__
_ROW = (
    select(
        _table.c.key_encrypted,
        _table.c.secret_encrypted,
        _table.c.webhook_token,
        _table.c.switches,
        _table.c.events_lost_since,
        _lamps.c.details.label("warnings"),
    )
    .join(_lamps, _lamps.c.name == WARNINGS, isouter=True)
    .where(_table.c.id == 1)
)


@dataclass(frozen=True, slots=True)
class Link:
    """The connection with the PBX; `is_readable` is False when SECRET_KEY has changed.

    `events_lost_since` is since when calls come without events, None while they come with them.
    """

    key: str = ""
    secret: str = ""
    token: str = ""
    switches: Switches = field(default_factory=Switches)
    is_readable: bool = True
    # What managers must hear of, as it was stored.
    warnings: Any = None
    events_lost_since: datetime | None = None

    @property
    def is_connected(self) -> bool:
        """There are keys to sign and verify with."""
        return bool(self.key and self.secret)


class LinkCache:
    """One process's view of the connection; it sees changes of other processes within a second."""

    def __init__(self, vault: Vault, engine: Engine) -> None:
        self._vault = vault
        self._engine = engine
        self._link: Link | None = None
        self._is_reading = threading.Lock()
        self._read_at = 0.0
        self._encrypted: tuple[str, str] = ("", "")

    def current(self) -> Link:
        """Return the connection, at most a second old plus the time that reading takes.

        While the database is away, the last known one is returned. Without one, raises an error
        that `is_away` recognises.
        """
        link = self._link
        if link is None:
            return self.read()
        is_old = time.monotonic() - self._read_at > MAX_AGE_SECONDS
        # One thread reads for all: each would need a database connection of its own.
        if not is_old or not self._is_reading.acquire(blocking=False):
            return link
        try:
            return self.read()
        except Exception as error:
            if not is_away(error):
                raise
            # While the database is away it cannot change. Try again in a second, not at every
            # notification.
            self._read_at = time.monotonic()
            return link
        finally:
            self._is_reading.release()

    def read(self) -> Link:
        """Return the connection as it is stored now; decrypts only what has changed."""
        began = time.monotonic()
        with database.reading(), self._engine.connect() as connection:
            row = connection.execute(_ROW).one_or_none()
        old = self._link
        encrypted = ("", "") if row is None else (row.key_encrypted, row.secret_encrypted)
        if old is not None and encrypted == self._encrypted:
            key, secret, is_readable = old.key, old.secret, old.is_readable
        else:
            key, secret, is_readable = self._decrypt(*encrypted)
            if old is not None and old.is_connected and not is_readable:
                # The secret key was rotated, and this process has yet to be restarted. Until then
                # the cached values are right, so that no call is refused.
                key, secret, is_readable = old.key, old.secret, True
        self._link = Link(
            key=key,
            secret=secret,
            token="" if row is None else row.webhook_token,
            switches=Switches() if row is None else row.switches,
            is_readable=is_readable,
            warnings=None if row is None else row.warnings,
            events_lost_since=None if row is None else row.events_lost_since,
        )
        self._encrypted, self._read_at = encrypted, began
        return self._link

    def forget(self) -> None:
        """Drop the cache, because something was changed."""
        self._link = None

    def _decrypt(self, key: str, secret: str) -> tuple[str, str, bool]:
        if not key or not secret:
            return "", "", True
        try:
            return self._vault.decrypt(key), self._vault.decrypt(secret), True
        except WrongKeyError as error:
            log.error("telephony keys unreadable", reason=str(error))
            return "", "", False


def client_for(
    link: Link,
    config: Config,
    counter: Counter,
    timeout: tuple[float, float] = (3.05, 8.0),
    wait: Callable[[float], object] | None = None,
    *,
    is_background: bool = False,
) -> ZadarmaClient | None:
    """Make a client for a connection, None when there is none.

    `timeout` is how many seconds it waits for a connection and for an answer. A request that would
    be one too many is refused with RATE_LIMITED and `retry_after`; with `wait`, which sleeps for a
    number of seconds, it is made when its turn comes. What `is_background` leaves most requests of
    a minute to others.
    """
    if not link.is_connected:
        return None
    return ZadarmaClient(
        link.key,
        link.secret,
        config.zadarma_api_url,
        timeout,
        budget=lambda kind: _take(counter, _limits(kind, link.key, is_background), wait),
    )


def _limits(
    kind: RequestKind, account: str, is_background: bool
) -> list[tuple[RateLimitItemPerSecond, str]]:
    """List the limits of a request, the narrowest first: what it refuses, the others never count.

    The statistics have a limit of their own that nothing else uses up.
    """
    name = hashlib.sha256(account.encode()).hexdigest()[:16]
    limits = [(_ALL, f"api/{name}")]
    if kind == "statistics":
        limits.insert(0, (_STATISTICS, f"statistics/{name}"))
    elif is_background:
        limits.insert(0, (_BACKGROUND, f"background/{name}"))
    return limits


def _take(
    counter: Counter,
    limits: list[tuple[RateLimitItemPerSecond, str]],
    wait: Callable[[float], object] | None,
) -> bool:
    """Count one request under its limits, or raise what says that it would be one too many."""
    for limit, key in limits:
        while seconds := counter.wait_for(limit, key):
            if wait is None:
                raise ZadarmaError(
                    ErrorCode.RATE_LIMITED,
                    "Our own budget of requests is used up.",
                    retry_after=math.ceil(seconds),
                    was_sent=False,
                )
            wait(seconds)
    return True


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests the account may still make in this minute, of how many."""

    left: int
    limit: int
    statistics_left: int
    statistics_limit: int


def budget_of(link: Link, counter: Counter) -> Budget:
    """Return what is left of the requests of a minute. It uses the network."""
    name = hashlib.sha256(link.key.encode()).hexdigest()[:16]
    return Budget(
        counter.left(_ALL, f"api/{name}"), _ALL.amount,
        counter.left(_STATISTICS, f"statistics/{name}"), _STATISTICS.amount,
    )  # fmt: skip
