"""How many requests the PBX's API still takes from us, counted for all processes together."""

import hashlib

from limits import RateLimitItemPerMinute

from crm_app.counting import Counter
from crm_app.telephony.zadarma.client import RequestKind

# The provider's own limits; it counts per account, so that one process cannot know the sum.
_ALL = RateLimitItemPerMinute(100)
_STATISTICS = RateLimitItemPerMinute(3)


def take(counter: Counter, kind: RequestKind, account: str) -> bool:
    """Count one request of an account; False when it would be one too many."""
    name = hashlib.sha256(account.encode()).hexdigest()[:16]
    if kind == "statistics" and not counter.hit(_STATISTICS, f"statistics/{name}"):
        return False
    return counter.hit(_ALL, f"api/{name}")
