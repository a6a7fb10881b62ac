"""The PBX's API as the office may use it: with its keys, and no more often than the PBX allows."""

import hashlib

from limits import RateLimitItemPerMinute

from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.telephony.connection import Link
from crm_app.telephony.zadarma.client import RequestKind, ZadarmaClient

# The provider's own limits; it counts per account, so that one process cannot know the sum.
_ALL = RateLimitItemPerMinute(100)
_STATISTICS = RateLimitItemPerMinute(3)


def client_for(
    link: Link, config: Config, counter: Counter, timeout: tuple[float, float] = (3.05, 8.0)
) -> ZadarmaClient | None:
    """Make a client for a connection, None when there is none.

    `timeout` is how many seconds it waits for a connection and for an answer.
    """
    if not link.is_connected:
        return None
    return ZadarmaClient(
        link.key,
        link.secret,
        config.zadarma_api_url,
        timeout,
        budget=lambda kind: _take(counter, kind, link.key),
    )


def _take(counter: Counter, kind: RequestKind, account: str) -> bool:
    """Count one request of an account; False when it would be one too many."""
    name = hashlib.sha256(account.encode()).hexdigest()[:16]
    if kind == "statistics" and not counter.hit(_STATISTICS, f"statistics/{name}"):
        return False
    return counter.hit(_ALL, f"api/{name}")
