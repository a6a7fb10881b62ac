"""Stores what waits in the spool as soon as the database is back, in the order it came."""

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
    """A thread that empties the spool; whichever process of several is the first does it."""

    def __init__(self, spool: Spool, take_in: Callable[[Sequence[Arrival]], None]) -> None:
        """Prepare; `take_in` commits what it is given and raises when the database is away.

        It may be given a record a second time, after a process was ended between two steps.
        """
        self._spool = spool
        self._take_in = take_in
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_watching = False

    def wake(self) -> None:
        """See to it that this process empties the spool until nothing waits; never waits."""
        with self._lock:
            # None has been started yet, or it was left behind in the process we were forked from.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="spool")
                self._thread.start()

    def watch(self) -> None:
        """Empty from now on whatever any process leaves, one that was killed too."""
        self._is_watching = True
        self.wake()

    def drain(self) -> int:
        """Take in all that waits; give how many records. Raises what `take_in` raises."""
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
                # The boundary of a try: the database is away still, or the disk.
                log.debug("spool_waits", error=type(error).__name__)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            with self._lock:
                if not (self._is_watching or self._spool.is_in_use()):
                    self._thread = None
                    return
            time.sleep(pause)
