"""How many requests the PBX's API still takes from us, counted for all processes together."""

import hashlib

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from crm_app.telephony.zadarma.client import RequestKind

# The provider's own limits; it counts per account, so that one process cannot know the sum.
_ALL = RateLimitItemPerMinute(100)
_STATISTICS = RateLimitItemPerMinute(3)
log = structlog.get_logger(__name__)


class Budget:
    """Counts requests in the event bus, or in this process while the bus is away."""

    def __init__(self, bus_url: str) -> None:
        self._bus_url = bus_url.replace("unix://", "redis+unix://", 1)
        self._shared: FixedWindowRateLimiter | None = None
        self._own = FixedWindowRateLimiter(MemoryStorage())

    def take(self, kind: RequestKind, account: str) -> bool:
        """Count one request of an account; False when it would be one too many."""
        name = hashlib.sha256(account.encode()).hexdigest()[:16]
        try:
            return self._take(self._limiter(), kind, name)
        except Exception as error:
            # Whatever the bus client raises, an agent must still be able to call.
            log.warning("request budget counted by this process only", error=type(error).__name__)
            return self._take(self._own, kind, name)

    def _limiter(self) -> FixedWindowRateLimiter:
        if self._shared is None:
            self._shared = FixedWindowRateLimiter(
                storage_from_string(self._bus_url, socket_timeout=0.5, socket_connect_timeout=0.5)
            )
        return self._shared

    @staticmethod
    def _take(limiter: FixedWindowRateLimiter, kind: RequestKind, name: str) -> bool:
        if kind == "statistics" and not limiter.hit(_STATISTICS, "statistics", name):
            return False
        return limiter.hit(_ALL, "api", name)
