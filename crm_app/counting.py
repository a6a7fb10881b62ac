"""Rate limits that all processes share."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import structlog
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

_ANSWERS_WITHIN_SECONDS = 0.5
# A request still counts at the very moment when its time is up.
_A_MOMENT_S = 0.1
_Result = TypeVar("_Result")
log = structlog.get_logger(__name__)


class Counter:
    """Counts in the event bus; while that is down, in this process only, weaker but never off.

    It uses the network: call it outside a database transaction.
    """

    def __init__(self, bus_url: str) -> None:
        self._bus_url = bus_url.replace("unix://", "redis+unix://", 1)
        self._shared: FixedWindowRateLimiter | None = None
        self._own = FixedWindowRateLimiter(MemoryStorage())

    def hit(self, limit: RateLimitItem, key: str) -> bool:
        """Count once more; False when that is more than the limit allows."""
        return self._ask(lambda counts: counts.hit(limit, key))

    def seconds_to_wait(self, limits: Sequence[RateLimitItem], key: str) -> int:
        """Count once more for each limit, and give the seconds until that is allowed, 0 for now.

        What one limit refuses is not counted for those after it.
        """
        for limit in limits:
            if not self.hit(limit, key):
                return max(1, round(self.free_at(limit, key) - time.time()))
        return 0

    def wait_for(self, limit: RateLimitItem, key: str) -> float:
        """Count once more in a window that slides with time, and give 0.

        When that is more than the limit allows, nothing is counted: give in how many seconds it
        will be allowed.
        """

        def ask(counts: FixedWindowRateLimiter) -> float:
            window = MovingWindowRateLimiter(counts.storage)
            if window.hit(limit, key):
                return 0.0
            frees_at = window.get_window_stats(limit, key).reset_time
            return max(frees_at - time.time(), 0) + _A_MOMENT_S

        return self._ask(ask)

    def left(self, limit: RateLimitItem, key: str) -> int:
        """Return how many more a window that slides with time allows now."""
        return self._ask(
            lambda counts: (
                MovingWindowRateLimiter(counts.storage).get_window_stats(limit, key).remaining
            )
        )

    def free_at(self, limit: RateLimitItem, key: str) -> float:
        """Return when counting starts over, in seconds of Unix time."""
        return self._ask(lambda counts: counts.get_window_stats(limit, key).reset_time)

    def forget(self, limit: RateLimitItem, key: str) -> None:
        """Start counting from zero."""
        self._ask(lambda counts: counts.clear(limit, key))

    def forget_all(self, limit: RateLimitItem, prefix: str) -> None:
        """Start counting from zero for all keys of the form `prefix/…`, in every process.

        Raises RedisError while the bus is away.
        """
        storage = cast(RedisStorage, self._in_the_bus().storage)
        storage.lua_clear_keys([storage.prefixed_key(f"{limit.namespace}/{prefix}/*")])

    def take_back(self, limit: RateLimitItem, key: str) -> None:
        """Undo one hit."""
        name, seconds = limit.key_for(key), limit.get_expiry()
        self._ask(lambda counts: counts.storage.incr(name, seconds, amount=-1))

    def reset(self) -> None:
        """Forget all that was counted."""
        self._ask(lambda counts: counts.storage.reset())

    def _ask(self, question: Callable[[FixedWindowRateLimiter], _Result]) -> _Result:
        try:
            return question(self._in_the_bus())
        except Exception as error:
            # Whatever the bus's client raises, people must still be able to sign in and to call.
            log.warning("counted by this process only", error=type(error).__name__)
            return question(self._own)

    def _in_the_bus(self) -> FixedWindowRateLimiter:
        if self._shared is None:
            storage = storage_from_string(
                self._bus_url,
                socket_timeout=_ANSWERS_WITHIN_SECONDS,
                socket_connect_timeout=_ANSWERS_WITHIN_SECONDS,
            )
            self._shared = FixedWindowRateLimiter(storage)
        return self._shared
