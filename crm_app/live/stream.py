"""The body of one stream: what a browser reads, line by line, while it stays connected."""

import queue
import random
import time

from flask_sse import Message

from crm_app.live.hub import Hub, Item, Listener
from crm_app.live.messages import MessageId

HEARTBEAT_SECONDS = 15.0
LIFETIME_SECONDS = 3600.0
RETRY_MS = (1500, 3500)
# The comment keeps proxies from closing a silent connection; the event is what a page can see.
BEAT = b":\nevent:beat\ndata:1\n\n"


def render(number: str, text: str) -> bytes:
    """Write one message as the browser reads it."""
    return str(Message(text, id=number)).encode()


class Stream:
    """A WSGI body that holds nothing but its queue: no request, no session, no connection."""

    __slots__ = ("_ends_at", "_hub", "_last", "_listener", "_waiting")

    def __init__(
        self, hub: Hub, listener: Listener, waiting: bytes, last: MessageId = (0, 0)
    ) -> None:
        """Begin with `waiting`, which already holds the messages up to number `last`."""
        self._hub = hub
        self._listener = listener
        # Randomised, so that not all reconnect at once when the bus is back or an hour after a
        # start.
        retry = b"retry:%d\n\n" % random.randint(*RETRY_MS)  # noqa: S311
        self._ends_at = time.monotonic() + LIFETIME_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        self._waiting = retry + waiting + BEAT
        self._last = last

    def __iter__(self) -> "Stream":
        """Be the iterator itself."""
        return self

    def __next__(self) -> bytes:
        """Wait for the next messages, or until the next heartbeat is due."""
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            return waiting
        pending = self._listener.queue
        while not (self._listener.is_dropped and pending.empty()):
            try:
                chunk = self._read(pending.get(timeout=HEARTBEAT_SECONDS))
            except queue.Empty:
                # After an hour the browser must reconnect, so that its session is checked again.
                if time.monotonic() > self._ends_at:
                    break
                return BEAT
            if chunk:
                return chunk
        raise StopIteration

    def _read(self, item: Item | None) -> bytes:
        """Render an item and all queued after it, except those already sent."""
        chunks = []
        while item is not None:
            if item[0] > self._last:
                chunks.append(render(item[1], item[2]))
            try:
                item = self._listener.queue.get_nowait()
            except queue.Empty:
                return b"".join(chunks)
        self._listener.is_dropped = True
        return b"".join(chunks)

    def close(self) -> None:
        """Leave the hub; the server calls this when the browser has disconnected."""
        self._hub.remove(self._listener)
