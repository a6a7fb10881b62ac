"""Limits password guesses: per account, per browser and per network."""

from flask import current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute

from crm_app import clock
from crm_app.accounts.sessions import devices
from crm_app.counting import Counter
from crm_app.security.addresses import network_of

# Limits per account: from a known browser, from one network, and from everywhere. One network alone
# cannot use up the last, so locking a user out of a new browser takes many networks.
PER_DEVICE = RateLimitItemPerMinute(10, 15, "sign-in-device")
PER_NETWORK = RateLimitItemPerMinute(10, 15, "sign-in-network")
PER_ACCOUNT = RateLimitItemPerHour(60, 1, "sign-in-account")
# Limits per network, for all accounts together.
PER_ADDRESS = RateLimitItemPerMinute(50, 15, "sign-in-address")


class TooManyTriesError(Exception):
    """A password was guessed too often; `wait_seconds` says how long to wait."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


def count_try(account: str) -> None:
    """Count a try before it is made, so that simultaneous tries are counted too.

    A browser in which this account was signed in before is counted separately, so that other
    people's tries cannot lock its owner out. Raises TooManyTriesError. Call it outside a database
    transaction: it may use the network.
    """
    counter = _counter()
    for limits in _limits(account):
        refused = [(item, key) for item, key in limits if not counter.hit(item, key)]
        if refused:
            # Stop counting: a try refused to its network must not count against the account.
            reset_at = max(counter.free_at(item, key) for item, key in refused)
            raise TooManyTriesError(max(1, round(reset_at - clock.now().timestamp())))


def forgive(account: str) -> None:
    """Uncount the successful try, and reset the failed ones from the same place.

    Call it outside a database transaction: it may use the network.
    """
    counter = _counter()
    for item, key in [one for limits in _limits(account) for one in limits]:
        if item in {PER_DEVICE, PER_NETWORK}:
            counter.forget(item, key)
        else:
            counter.take_back(item, key)


def unlock(account: str) -> None:
    """Reset all counted tries at an account.

    Raises RedisError when the event bus, which holds the counts, is down.
    """
    counter, key = _counter(), devices.account_key(account)
    for item in (PER_DEVICE, PER_NETWORK):
        counter.forget_all(item, key)
    counter.forget(PER_ACCOUNT, key)


def _limits(account: str) -> list[list[tuple[RateLimitItem, str]]]:
    """List the counters of a try, in the order in which they are checked."""
    key, device = devices.account_key(account), devices.known_device(account)
    if device:
        return [[(PER_DEVICE, f"{key}/{device}")]]
    network = network_of(request.remote_addr or "")
    return [
        [(PER_NETWORK, f"{key}/{network}"), (PER_ADDRESS, network)],
        [(PER_ACCOUNT, key)],
    ]


def _counter() -> Counter:
    counter: Counter = current_app.extensions["counter"]
    return counter
