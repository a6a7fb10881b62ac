"""One bus subscription for each web process, fanned out to all streams that the process holds."""

import os
import queue
import threading
import time
from typing import Any

import structlog
from redis.client import PubSub
from redis.exceptions import ConnectionError as BusConnectionError
from redis.exceptions import RedisError

from crm_app.live import bus
from crm_app.live.messages import GOODBYE, HINT, PREFIX, MessageId, parse_id

log = structlog.get_logger(__name__)

SILENCE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
QUEUE_LENGTH = 100
# Streams of one user in all processes; a browser needs one.
MOST_STREAMS = 10

Item = tuple[MessageId, str, str]


def make_queue() -> Any:
    """Make a bounded queue; gevent's own wakes its reader within one pass of the event loop."""
    try:
        from gevent import monkey
        from gevent.queue import Queue
    except ImportError:
        return queue.Queue(QUEUE_LENGTH)
    if monkey.is_module_patched("threading"):
        return Queue(QUEUE_LENGTH)
    return queue.Queue(QUEUE_LENGTH)


class Listener:
    """One open stream as the hub sees it: a queue of (id, id as text, text); None ends it."""

    __slots__ = ("also", "channel", "hints", "is_dropped", "queue")

    def __init__(self, channel: str, *also: str, hints: str = "") -> None:
        """Listen to a channel of one's own, and to others that many share.

        Of the channel `hints` it hears only that there is something new, not what.
        """
        self.channel = channel
        self.also = also
        self.hints = hints
        self.queue = make_queue()
        self.is_dropped = False

    def drop(self) -> None:
        """End the stream; the browser reconnects and then gets what it has not read yet."""
        self.is_dropped = True
        try:
            self.queue.put_nowait(None)
        except queue.Full:
            # The queue is full: the reader finds the mark after its next item.
            return


def _others(listener: Listener) -> list[str]:
    """List the channels that a listener shares with many."""
    return [*listener.also, *filter(None, [listener.hints])]


class Hub:
    """The listeners of one process and the thread that feeds them from the bus."""

    def __init__(self) -> None:
        """Prepare; the bus is contacted only when the first stream opens."""
        # Of each channel in the order in which they came.
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._lock = threading.Lock()
        self._is_subscribed = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def __len__(self) -> int:
        """Count the open streams."""
        return len({listener for group in self._listeners.values() for listener in group})

    def is_ready(self, timeout: float = 2.0) -> bool:
        """Start listening if nobody does yet; returns whether the bus feeds us."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, daemon=True, name="live-hub")
                self._thread.start()
        return self._is_subscribed.wait(timeout)

    def add(self, listener: Listener, most: int = MOST_STREAMS) -> None:
        """Feed a listener from now on, and end the channel's oldest when there are too many."""
        with self._lock:
            group = self._listeners.setdefault(listener.channel, {})
            group[listener] = None
            # End the oldest and not the newest, because the newest is the page being looked at. The
            # oldest one's browser reconnects and then gets what it missed.
            surplus = list(group)[: max(len(group) - most, 0)]
            for oldest in surplus:
                self._forget(oldest)
            for channel in _others(listener):
                self._listeners.setdefault(channel, {})[listener] = None
        for oldest in surplus:
            oldest.drop()

    def remove(self, listener: Listener) -> None:
        """Forget a listener whose stream has ended."""
        with self._lock:
            self._forget(listener)

    def _forget(self, listener: Listener) -> None:
        for channel in (listener.channel, *_others(listener)):
            group = self._listeners.get(channel, {})
            group.pop(listener, None)
            if not group:
                self._listeners.pop(channel, None)

    def drop_all(self) -> None:
        """End every stream of this process; the browsers reconnect automatically."""
        for group in list(self._listeners.values()):
            for listener in list(group):
                listener.drop()

    def stop(self) -> None:
        """End all streams and stop listening once the bus says something or fails."""
        self._is_stopped = True
        self.drop_all()

    def _listen(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._is_stopped:
            try:
                with bus.subscriber() as connection, connection.pubsub() as subscription:
                    subscription.psubscribe(f"{PREFIX}*")
                    self._wait_for_confirmation(subscription)
                    pause = FIRST_PAUSE_SECONDS
                    self._feed(subscription)
            except (RedisError, OSError) as error:
                if self._is_subscribed.is_set():
                    log.warning("bus_lost", error=type(error).__name__)
                self._is_subscribed.clear()
                # Browsers that reconnect ask for what they missed, so nothing is lost in the gap.
                self.drop_all()
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _wait_for_confirmation(self, subscription: PubSub) -> None:
        message = subscription.get_message(timeout=SILENCE_SECONDS)
        if message is None or message["type"] != "psubscribe":
            raise BusConnectionError("the bus did not confirm the subscription")
        self._is_subscribed.set()

    def _feed(self, subscription: PubSub) -> None:
        is_asked = False
        while not self._is_stopped:
            message = subscription.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                if is_asked:
                    raise BusConnectionError("the bus is silent")
                subscription.ping()
                is_asked = True
                continue
            is_asked = False
            if message["type"] == "pmessage":
                self._fan_out(message["channel"].decode(), message["data"])

    def _fan_out(self, channel: str, data: bytes) -> None:
        group = self._listeners.get(channel)
        if not group:
            return
        if data == GOODBYE:
            for listener in list(group):
                listener.drop()
            return
        number, _, text = data.decode("utf-8", "replace").partition(" ")
        parsed = parse_id(number)
        if parsed is None:
            # Not published by Ramal. Dropped, because a number is sent to the browser unescaped.
            log.warning("live_message_dropped", length=len(data))
            return
        item, hint = (parsed, number, text), (parsed, number, HINT)
        for listener in list(group):
            try:
                listener.queue.put_nowait(hint if channel == listener.hints else item)
            except queue.Full:
                listener.drop()


class _Process:
    pid: int = 0
    hub: Hub = Hub()


_lock = threading.Lock()


def hub() -> Hub:
    """Return this process's hub; a forked child gets its own."""
    if _Process.pid != os.getpid():
        # Two streams that open at once must share one hub, or one of them would hear nothing.
        with _lock:
            if _Process.pid != os.getpid():
                _Process.hub, _Process.pid = Hub(), os.getpid()
    return _Process.hub
