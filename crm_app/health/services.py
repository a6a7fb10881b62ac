"""What Ramal needs to work: the database, its migrations, the event bus and a worker."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm_app import clock, database
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.live import bus

log = structlog.get_logger(__name__)

HEARTBEAT_KEY = "ramal:worker:heartbeat"
HEARTBEAT_SECONDS = 5
# Three beats may be lost before anybody is told.
HEARTBEAT_LIMIT_SECONDS = 20
_MIGRATIONS = {
    migrations.State.EMPTY: "the tables do not exist: run `flask db upgrade`",
    migrations.State.OLDER: "the tables are older than this code: run `flask db upgrade`",
    migrations.State.NEWER: "the tables are newer than this code: install the newer Ramal",
    migrations.State.FOREIGN: "the database holds tables that are not Ramal's",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that Ramal needs; `problem` is empty when it is there."""

    name: str
    problem: str

    @property
    def is_ready(self) -> bool:
        """Tell whether it is there."""
        return not self.problem


def check_all() -> list[Check]:
    """Look at everything that Ramal needs, one after the other; never raises."""
    return [
        Check("database", _problem(_database)),
        Check("migrations", _problem(_migrations)),
        Check("event_bus", _problem(_event_bus)),
        Check("worker", _problem(_worker)),
    ]


def beat() -> None:
    """Leave a sign of life of a worker on the bus; raises RedisError when the bus is away."""
    bus.client().set(HEARTBEAT_KEY, f"{clock.now().timestamp():.3f}")


def _problem(look: Callable[[], str]) -> str:
    started = time.monotonic()
    try:
        return look()
    except (SQLAlchemyError, RedisError, OSError) as error:
        # The address and the password stand in these texts, so they stay in our log.
        log.warning(
            "not_ready",
            check=look.__name__.strip("_"),
            seconds=round(time.monotonic() - started, 2),
            exc_info=error,
        )
        return f"does not answer ({type(error).__name__})"


def _database() -> str:
    with database.reading(), db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return ""


def _migrations() -> str:
    with database.reading(), db.engine.connect() as connection:
        return _MIGRATIONS.get(migrations.state(connection), "")


def _event_bus() -> str:
    bus.client().ping()
    return ""


def _worker() -> str:
    beaten = bus.client().get(HEARTBEAT_KEY)
    if not isinstance(beaten, bytes):
        return "has never run: start `flask worker`"
    age = clock.now().timestamp() - float(beaten)
    if age > HEARTBEAT_LIMIT_SECONDS:
        return f"silent for {age:.0f} seconds: look at the log of `flask worker`"
    return ""
