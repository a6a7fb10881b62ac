"""A job that comes back on its own: queued by one worker of all, run so that it harms nobody."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from crm_app.extensions import db
from crm_app.live import bus

log = structlog.get_logger(__name__)

CLAIM_PREFIX = "ramal:job:"


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so many seconds, by one worker of all that run."""

    name: str
    seconds: int
    run: Callable[[], object]


def claim(job: Job) -> bool:
    """Tell whether this worker is the one to queue the job now; one in each period is.

    Raises RedisError when the bus is away.
    """
    # A little less than the period, or a worker that wakes early would skip every second turn.
    life = job.seconds * 1000 - 200
    return bool(bus.client().set(f"{CLAIM_PREFIX}{job.name}", "1", px=life, nx=True))


def run(job: Job) -> None:
    """Do a job; whatever goes wrong is logged, and its next turn comes anyway."""
    try:
        job.run()
    except Exception as error:
        # The boundary of a job: none of them may take the worker down with it.
        db.session.rollback()
        log.error("job_failed", job=job.name, exc_info=error)
    finally:
        db.session.remove()
