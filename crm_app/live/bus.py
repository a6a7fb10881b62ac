"""The event bus: one pooled connection to Valkey for each process."""

import os
import threading

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BusConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as BusTimeoutError
from redis.retry import Retry

TIMEOUT_SECONDS = 2.0
MOST_CONNECTIONS = 16

_lock = threading.Lock()


class _Process:
    """What this process holds; a forked child makes its own."""

    url: str = ""
    pid: int = 0
    client: redis.Redis | None = None


def configure(url: str) -> None:
    """Set the address of the bus (redis://, rediss:// or unix://); it is opened when first used."""
    with _lock:
        if url != _Process.url:
            _Process.url, _Process.client = url, None


def client() -> redis.Redis:
    """Return this process's client, made at the first call; its answers are bytes."""
    known = _Process.client
    if known is not None and _Process.pid == os.getpid():
        return known
    with _lock:
        if _Process.client is None or _Process.pid != os.getpid():
            _Process.client, _Process.pid = _pooled(_Process.url), os.getpid()
        return _Process.client


def subscriber() -> redis.Redis:
    """Make a client with a connection of its own, for the thread that listens all day."""
    return redis.Redis.from_url(
        _Process.url, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def is_alive() -> bool:
    """Whether the bus answers within two seconds."""
    try:
        return bool(client().ping())
    except (RedisError, OSError):
        return False


def _pooled(url: str) -> redis.Redis:
    # The other side may have closed a pooled connection since its last use: retry once.
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1, (BusConnectionError, BusTimeoutError)),
    )
    return redis.Redis(connection_pool=pool)
