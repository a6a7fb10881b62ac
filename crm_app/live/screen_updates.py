"""Sends screen updates in the background, for callers who must not wait for the bus."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from queue import SimpleQueue

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from crm_app.extensions import db
from crm_app.live.services import tell_all

MOST_WAITING = 1_000
MOST_AT_ONCE = 50
_FOR_THE_COMMIT = "done when committed"
log = structlog.get_logger(__name__)

_Waiting = tuple[frozenset[int], tuple[tuple[str, int | None], ...]]
_Message = tuple[frozenset[int], dict[str, int | None]]


class ScreenUpdates:
    """Sends messages in the order they were enqueued, in a thread of its own.

    While the bus hangs, equal messages wait only once: a message only says what to reload. Who
    enqueues takes no lock that the sender holds: requests that wait for one another there would
    be let go one by one, and each would have the database write to the disk for itself.
    """

    def __init__(self, send: Callable[[list[_Message]], None] = tell_all) -> None:
        self._send = send
        self._waiting: OrderedDict[_Waiting, None] = OrderedDict()
        # Rings once for all that waits. Who wants to know when that is sent rings with an event.
        self._bell: SimpleQueue[threading.Event | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def enqueue(self, user_ids: Iterable[int], message: Mapping[str, int | None]) -> None:
        """Send these users a message as soon as possible; never waits and never fails."""
        users = frozenset(user_ids)
        if not users:
            return
        self._waiting.setdefault((users, tuple(message.items())))
        if len(self._waiting) > MOST_WAITING:
            # A page that missed a message fetches everything once the bus is back.
            with suppress(KeyError):
                self._waiting.popitem(last=False)
        if self._bell.empty():
            self._bell.put(None)
        self._start()

    def wait_until_sent(self, seconds: float) -> bool:
        """Wait at most `seconds` until all is sent; False when something is still waiting."""
        all_sent = threading.Event()
        self._bell.put(all_sent)
        self._start()
        return all_sent.wait(seconds)

    def _start(self) -> None:
        """Start the sender: not started yet, or left in the process this one was forked from."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="updates")
                self._thread.start()

    def _run(self) -> None:
        while True:
            all_sent = self._bell.get()
            while messages := self._next():
                self._send_together(messages)
            if all_sent is not None:
                all_sent.set()

    def _next(self) -> list[_Message]:
        """Take what has waited longest; from then on an equal message is news again."""
        taken: list[_Message] = []
        with suppress(KeyError):
            while len(taken) < MOST_AT_ONCE:
                (users, items), _ = self._waiting.popitem(last=False)
                taken.append((users, dict(items)))
        return taken

    def _send_together(self, messages: list[_Message]) -> None:
        try:
            self._send(messages)
        except Exception as error:
            # Whatever is wrong with one message, the others must be sent.
            log.error("screen_updates_not_sent", exc_info=error)
            if len(messages) > 1:
                for message in messages:
                    self._send_together([message])


screen_updates = ScreenUpdates()


def after_commit(user_ids: Iterable[int], message: Mapping[str, int | None]) -> None:
    """Send a message of ids to these users' screens once the session's transaction is committed."""
    users = frozenset(user_ids)
    when_committed(lambda: screen_updates.enqueue(users, message))


def when_committed(do: Callable[[], object]) -> None:
    """Do something once the session's transaction is committed; a rollback forgets it."""
    db.session.info.setdefault(_FOR_THE_COMMIT, []).append(do)


def tell_nobody() -> None:
    """Forget what the session's transaction would do: where an office is filled nobody watches."""
    db.session.info.pop(_FOR_THE_COMMIT, None)


def _after_commit(session: Session) -> None:
    # A savepoint that is released has committed nothing: who asked now would read what was before.
    if session.in_nested_transaction():
        return
    for do in session.info.pop(_FOR_THE_COMMIT, ()):
        do()


def _after_rollback(session: Session, ended: SessionTransaction) -> None:
    # A savepoint that is given up is not the end of the transaction.
    if not ended.nested:
        session.info.pop(_FOR_THE_COMMIT, None)


event.listen(db.session, "after_commit", _after_commit)
event.listen(db.session, "after_soft_rollback", _after_rollback)
