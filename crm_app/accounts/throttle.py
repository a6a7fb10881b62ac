"""How often somebody may guess a password: counted per account and per network address."""

import hashlib

import structlog
from flask import request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from crm_app import clock
from crm_app.extensions import limiter

log = structlog.get_logger(__name__)

PER_ACCOUNT = RateLimitItemPerMinute(10, 15, "sign-in-account")
PER_ADDRESS = RateLimitItemPerMinute(50, 15, "sign-in-address")

# Where the event bus is down: weaker, as each process counts for itself, but never open.
_local = FixedWindowRateLimiter(MemoryStorage())


class TooManyTriesError(Exception):
    """A password was guessed too often; `wait_seconds` says how long to wait."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


def count_try(account: str) -> None:
    """Count a try before it is made, so that many at once are counted too.

    Raises TooManyTriesError. Call it outside a database transaction: it may use the network.
    """
    strategy = _strategy()
    refused = [(item, key) for item, key in _limits(account) if not strategy.hit(item, key)]
    if refused:
        reset_at = max(strategy.get_window_stats(item, key).reset_time for item, key in refused)
        raise TooManyTriesError(max(1, round(reset_at - clock.now().timestamp())))


def forgive(account: str) -> None:
    """Take the try back that was right, and forget the account's wrong ones.

    Call it outside a database transaction: it may use the network.
    """
    strategy = _strategy()
    (account_limit, account_key), (address_limit, address_key) = _limits(account)
    strategy.clear(account_limit, account_key)
    strategy.storage.incr(address_limit.key_for(address_key), address_limit.get_expiry(), amount=-1)


def _limits(account: str) -> list[tuple[RateLimitItem, str]]:
    # Hashed, because what is typed as an e-mail may be of any length and anybody's.
    account_key = hashlib.sha256(account.strip().lower().encode()).hexdigest()
    return [(PER_ACCOUNT, account_key), (PER_ADDRESS, request.remote_addr or "")]


def _strategy() -> RateLimiter:
    shared = limiter.limiter
    if shared.storage.check():
        return shared
    log.warning("sign_in_counted_locally")
    return _local
