"""How often somebody may guess a password: counted by account, by browser and by network."""

from flask import current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute

from crm_app import clock
from crm_app.accounts.sessions import devices
from crm_app.counting import Counter
from crm_app.security.addresses import network_of

# Of one account: from a browser it was signed in with, from one network, and from everywhere. One
# network alone cannot use up the last, so it takes many to lock somebody out of a new browser.
PER_DEVICE = RateLimitItemPerMinute(10, 15, "sign-in-device")
PER_NETWORK = RateLimitItemPerMinute(10, 15, "sign-in-network")
PER_ACCOUNT = RateLimitItemPerHour(60, 1, "sign-in-account")
# Of one network, whatever the account.
PER_ADDRESS = RateLimitItemPerMinute(50, 15, "sign-in-address")


class TooManyTriesError(Exception):
    """A password was guessed too often; `wait_seconds` says how long to wait."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


def count_try(account: str) -> None:
    """Count a try before it is made, so that many at once are counted too.

    A browser in which this account was signed in before is counted by itself: nobody else's tries
    keep its owner out. Raises TooManyTriesError. Call it outside a database transaction: it may
    use the network.
    """
    counter = _counter()
    for limits in _limits(account):
        refused = [(item, key) for item, key in limits if not counter.hit(item, key)]
        if refused:
            # Not counted any further: what is refused to one network is no try at the account.
            reset_at = max(counter.free_at(item, key) for item, key in refused)
            raise TooManyTriesError(max(1, round(reset_at - clock.now().timestamp())))


def forgive(account: str) -> None:
    """Take the try back that was right, and forget the wrong ones of the same place.

    Call it outside a database transaction: it may use the network.
    """
    counter = _counter()
    for item, key in [one for limits in _limits(account) for one in limits]:
        if item in {PER_DEVICE, PER_NETWORK}:
            counter.forget(item, key)
        else:
            counter.take_back(item, key)


def unlock(account: str) -> None:
    """Forget all tries at an account, wherever they came from.

    Raises RedisError while the event bus is away, where they are counted.
    """
    counter, key = _counter(), devices.account_key(account)
    for item in (PER_DEVICE, PER_NETWORK):
        counter.forget_all(item, key)
    counter.forget(PER_ACCOUNT, key)


def _limits(account: str) -> list[list[tuple[RateLimitItem, str]]]:
    """List what a try is counted by, in the order in which it must be let through."""
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
