"""What Ramal needs to work: the database, its migrations, the event bus and a worker."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from crm_app import clock
from crm_app.extensions import db
from crm_app.health.write_check import findings_about
from crm_app.live import bus
from crm_app.telephony.webhook.spool import Spool

log = structlog.get_logger(__name__)

HEARTBEAT_KEY = "ramal:worker:heartbeat"
HEARTBEAT_SECONDS = 5
# Three heartbeats may be lost before a lamp changes.
HEARTBEAT_LIMIT_SECONDS = 20
# A monitoring program waits no longer for an answer than this.
BUS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that Ramal needs; `problem` is empty when it is there."""

    name: str
    problem: str

    @property
    def is_ready(self) -> bool:
        """Whether it is there."""
        return not self.problem


def check_all() -> list[Check]:
    """Check everything that Ramal needs, one by one; never raises."""
    found = findings_about(db.engine)
    database = Check("database", found.database)
    tables = Check("migrations", found.tables)
    with _impatient_client() as asked:
        event_bus = Check("event_bus", _problem(partial(_event_bus, asked)))
        worker = Check("worker", _problem_behind(event_bus, partial(_worker, asked)))
    return [database, tables, event_bus, worker]


@dataclass(frozen=True, slots=True)
class Spooled:
    """How many notifications wait for the database, and how long the oldest has waited."""

    records: int
    oldest_seconds: float


def look_at(spool: Spool) -> Spooled:
    """Count the spooled notifications; they do not make Ramal unready."""
    waiting = spool.waiting()
    if waiting.oldest is None:
        return Spooled(waiting.records, 0.0)
    age = (clock.now() - waiting.oldest).total_seconds()
    return Spooled(waiting.records, round(max(age, 0.0), 1))


def beat() -> None:
    """Write a worker's heartbeat to the bus; raises RedisError when the bus is down."""
    bus.client().set(HEARTBEAT_KEY, f"{clock.now().timestamp():.3f}")


def _impatient_client() -> redis.Redis:
    # The client of this process waits longer, and tries twice.
    pool = bus.client().connection_pool
    waits = {
        "socket_timeout": BUS_SECONDS,
        "socket_connect_timeout": BUS_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    return redis.Redis.from_pool(
        redis.ConnectionPool(pool.connection_class, 1, **pool.connection_kwargs | waits)
    )


def _problem_behind(needed: Check, look: Callable[[], str]) -> str:
    if needed.is_ready:
        return _problem(look)
    return f"unknown while the {needed.name.replace('_', ' ')} does not answer"


def _problem(look: Callable[[], str]) -> str:
    started = time.monotonic()
    try:
        return look()
    except (RedisError, OSError) as error:
        # These texts contain the address and the password, so they go only to our log.
        log.warning(
            "not_ready",
            check=getattr(look, "func", look).__name__.strip("_"),
            seconds=round(time.monotonic() - started, 2),
            exc_info=error,
        )
        return f"does not answer ({type(error).__name__})"


def _event_bus(asked: redis.Redis) -> str:
    asked.ping()
    return ""


def _worker(asked: redis.Redis) -> str:
    beaten = asked.get(HEARTBEAT_KEY)
    if not isinstance(beaten, bytes):
        return "has never run: start `flask worker`"
    age = clock.now().timestamp() - float(beaten)
    if age > HEARTBEAT_LIMIT_SECONDS:
        return f"silent for {age:.0f} seconds: look at the log of `flask worker`"
    return ""
