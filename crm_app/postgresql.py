"""A connection to PostgreSQL that does not yield for a short wait."""

import select
from collections.abc import Generator
from typing import Any

from gevent import Timeout
from gevent.monkey import get_original, is_module_patched
from psycopg import Connection, OperationalError
from psycopg.errors import _WaitTimeout
from psycopg.waiting import READY_R, READY_W, WAIT_R, WAIT_W

from crm_app.deadline import seconds_left

# Most statements of the webhook are answered sooner. Until then this process does nothing else,
# which costs it less than turning to something else and back: measured, a fifth of a request.
AT_ONCE_MS = 1
# The plain one, also where waiting was made to let others run.
_poll = get_original("select", "poll")


class HastyConnection(Connection[Any]):
    """Waits for a moment by itself, and only then as the driver does, so that others can run.

    It waits no longer than `deadline.within` allows, and is closed when that was too short.
    """

    _poller: Any = None
    _polled = -1

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> "HastyConnection":
        """Connect, in the time that is left."""
        left = seconds_left()
        # The driver counts in whole seconds, two at least, and does not count the look-up of names.
        if left is None or not is_module_patched("select"):
            return super().connect(*args, **kwargs)
        with Timeout(left, OperationalError("the database server did not answer in time")):
            return super().connect(*args, **kwargs)

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Run one step of the driver to its end."""
        try:
            wanted = next(gen)
            while ready := self._ready(wanted):
                wanted = gen.send(ready)
        except StopIteration as over:
            return over.value
        try:
            return super().wait(
                _going_on(gen, wanted), *args, **({"timeout": seconds_left()} | kwargs)
            )
        except _WaitTimeout:
            # Its answer may come later and would be taken for another statement's.
            self.pgconn.finish()
            raise OperationalError("the database server did not answer in time") from None

    def _ready(self, wanted: int) -> int:
        descriptor = self.pgconn.socket
        if descriptor != self._polled:
            self._poller, self._polled = _poll(), descriptor
        reads = select.POLLIN if wanted & WAIT_R else 0
        writes = select.POLLOUT if wanted & WAIT_W else 0
        self._poller.register(descriptor, reads | writes)
        events = self._poller.poll(AT_ONCE_MS)
        if not events:
            return 0
        ((_, event),) = events
        # A line that was cut is ready as well: the driver finds out by reading.
        can_read = READY_R if event & ~select.POLLOUT else 0
        can_write = READY_W if event & select.POLLOUT else 0
        return int(can_read | can_write)


def _going_on(gen: Generator[Any, Any, Any], wanted: Any) -> Generator[Any, Any, Any]:
    """Hand a step that has begun over to another caller who would begin it."""
    while True:
        ready = yield wanted
        try:
            wanted = gen.send(ready)
        except StopIteration as over:
            return over.value
