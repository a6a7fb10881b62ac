"""How often somebody may guess a password: counted per account and per network address."""

import hashlib

from flask import current_app, request
from limits import RateLimitItem, RateLimitItemPerMinute

from crm_app import clock
from crm_app.accounts import typed
from crm_app.counting import Counter
from crm_app.security.addresses import network_of

PER_ACCOUNT = RateLimitItemPerMinute(10, 15, "sign-in-account")
PER_ADDRESS = RateLimitItemPerMinute(50, 15, "sign-in-address")


class TooManyTriesError(Exception):
    """A password was guessed too often; `wait_seconds` says how long to wait."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


def count_try(account: str) -> None:
    """Count a try before it is made, so that many at once are counted too.

    Raises TooManyTriesError. Call it outside a database transaction: it may use the network.
    """
    counter = _counter()
    refused = [(item, key) for item, key in _limits(account) if not counter.hit(item, key)]
    if refused:
        reset_at = max(counter.free_at(item, key) for item, key in refused)
        raise TooManyTriesError(max(1, round(reset_at - clock.now().timestamp())))


def forgive(account: str) -> None:
    """Take the try back that was right, and forget the account's wrong ones.

    Call it outside a database transaction: it may use the network.
    """
    counter = _counter()
    (account_limit, account_key), (address_limit, address_key) = _limits(account)
    counter.forget(account_limit, account_key)
    counter.take_back(address_limit, address_key)


def _limits(account: str) -> list[tuple[RateLimitItem, str]]:
    # Hashed, because what is typed as an e-mail may be of any length and anybody's.
    account_key = hashlib.sha256(typed.email(account).encode()).hexdigest()
    return [(PER_ACCOUNT, account_key), (PER_ADDRESS, network_of(request.remote_addr or ""))]


def _counter() -> Counter:
    counter: Counter = current_app.extensions["counter"]
    return counter
