"""Sends screen updates in the background, for callers who must not wait for the bus."""

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from crm_app.extensions import db
from crm_app.live.services import tell

MOST_WAITING = 1_000
_FOR_THE_COMMIT = "done when committed"
log = structlog.get_logger(__name__)

_Message = tuple[frozenset[int], tuple[tuple[str, int | None], ...]]


class ScreenUpdates:
    """Sends messages in the order they were enqueued, in a thread of its own.

    While the bus hangs, equal messages wait only once: a message only says what to reload.
    """

    def __init__(self, send: Callable[[Iterable[int], dict[str, int | None]], None] = tell) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._waiting: dict[_Message, None] = {}
        self._is_sending = False
        self._thread: threading.Thread | None = None

    def enqueue(self, user_ids: Iterable[int], message: Mapping[str, int | None]) -> None:
        """Send these users a message as soon as possible; never waits and never fails."""
        users = frozenset(user_ids)
        if not users:
            return
        with self._changed:
            self._waiting.setdefault((users, tuple(message.items())))
            if len(self._waiting) > MOST_WAITING:
                # A page that missed a message fetches everything once the bus is back.
                del self._waiting[next(iter(self._waiting))]
            # Not started yet, or it stayed in the process that this one was forked from.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="updates")
                self._thread.start()
            self._changed.notify_all()

    def wait_until_sent(self, seconds: float) -> bool:
        """Wait at most `seconds` until all is sent; False when something is still waiting."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._waiting or self._is_sending), timeout=seconds
            )

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                users, message = next(iter(self._waiting))
                del self._waiting[users, message]
                self._is_sending = True
            try:
                self._send(users, dict(message))
            except Exception as error:
                # Whatever is wrong with this message, the next one must be sent.
                log.error("screen_update_not_sent", exc_info=error)


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
