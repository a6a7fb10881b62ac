"""Stores the contents of the spool in order of arrival as soon as the database is back."""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from crm_app.telephony.webhook.arrivals import Arrival
from crm_app.telephony.webhook.spool import Emptying, Spool

LOOK_SECONDS = 0.25
# While the database stays away.
LONGEST_PAUSE_SECONDS = 1.0
MOST_AT_ONCE = 32
log = structlog.get_logger(__name__)


class Drainer:
    """A thread that empties the spool; of several processes the first one does it."""

    def __init__(self, spool: Spool, take_in: Callable[[Sequence[Arrival]], None]) -> None:
        """Prepare; `take_in` commits what it is given and raises when the database is away.

        It may get a record twice, if a process was killed between two steps.
        """
        self._spool = spool
        self._take_in = take_in
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_watching = False

    def wake(self) -> None:
        """Make sure this process is emptying the spool; returns at once."""
        with self._lock:
            # Not started yet, or it stayed in the process that this one was forked from.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="spool")
                self._thread.start()

    def watch(self) -> None:
        """From now on, empty what any process leaves, even a killed one."""
        self._is_watching = True
        self.wake()

    def drain(self) -> int:
        """Store all that waits; returns the number of records. Raises what `take_in` raises."""
        with self._spool.emptying() as emptying:
            return 0 if emptying is None else self._empty(emptying)

    def _empty(self, emptying: Emptying) -> int:
        taken = 0
        while True:
            records = emptying.next(MOST_AT_ONCE)
            if records:
                self._take_in([record.arrival for record in records])
                emptying.mark(records)
                taken += len(records)
            elif emptying.finish():
                log.info("spool_drained", records=taken)
                return taken

    def _run(self) -> None:
        pause = LOOK_SECONDS
        while True:
            try:
                self.drain()
                pause = LOOK_SECONDS
            except Exception as error:
                # The outermost level of a try: the database or the disk is still unavailable.
                log.debug("spool_waits", error=type(error).__name__)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            with self._lock:
                if not (self._is_watching or self._spool.is_in_use()):
                    self._thread = None
                    return
            time.sleep(pause)
