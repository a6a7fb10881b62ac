"""How often strangers may send a form; counted before the body is read."""

from flask import current_app, request
from limits import RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests

from crm_app import clock, database
from crm_app.counting import Counter
from crm_app.security.addresses import network_of
from crm_app.web.access import is_public
from crm_app.web.middleware.request_body import BARE_METHODS, receives_by_itself

# Far above what a whole office behind one address sends, and little load for us. Password guesses
# are limited separately, see `accounts.sessions.throttle`.
PER_NETWORK = RateLimitItemPerMinute(240, 1, "public-form")


def count_form() -> None:
    """Count a form that needs no sign-in; raises TooManyRequests."""
    endpoint = request.endpoint or ""
    if request.method in BARE_METHODS or not is_public(endpoint):
        return
    if receives_by_itself(current_app.view_functions.get(endpoint)):
        return
    count_stranger(PER_NETWORK)


def count_stranger(limit: RateLimitItemPerMinute) -> None:
    """Count a request of the sender's network; raises TooManyRequests when that is too many."""
    counter: Counter = current_app.extensions["counter"]
    network = network_of(request.remote_addr or "")
    if counter.hit(limit, network):
        return
    # The error page only reads.
    database.set_reads_only(True)
    wait = counter.free_at(limit, network) - clock.now().timestamp()
    raise TooManyRequests(retry_after=max(1, round(wait)))
