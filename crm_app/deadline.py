"""The time that the current work may still wait for the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let nothing inside wait longer than this for the database.

    When the time is up, the engine's own error for a database that is down is raised, or
    DatabaseBusyError; a connection whose answer is still pending is closed.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """Return how long the database may still be waited for, None when no limit was set."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())
