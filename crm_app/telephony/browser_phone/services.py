"""Who uses the phone in the browser, and the key with which it registers."""

from typing import Literal

from limits import RateLimitItemPerHour

from crm_app.accounts.models import User
from crm_app.counting import Counter
from crm_app.extensions import db
from crm_app.telephony.connection import Link
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from crm_app.telephony.zadarma.widget import PhoneKey

# Why the phone of a user is off, or that it is on.
State = Literal["switched_off", "not_connected", "no_extension", "not_mine", "on"]
# A key is asked for when the window opens and every three days; each takes three requests.
KEYS_PER_HOUR = RateLimitItemPerHour(20, 1, "browser-phone")


def state_of(user: User, link: Link) -> State:
    """Say whether a user has a phone in the browser, and if not, why."""
    if not link.switches.is_on("browser_phone"):
        return "switched_off"
    if not link.is_connected:
        return "not_connected"
    if not user.extension:
        return "no_extension"
    return "on" if user.has_browser_phone else "not_mine"


def is_on_for(user: User, link: Link) -> bool:
    """Say whether a user's calls may be made by the phone in the browser."""
    return state_of(user, link) == "on"


def choose(user_id: int, *, is_on: bool) -> None:
    """Let a user use the phone in the browser, or no more."""
    db.session.get_one(User, user_id, with_for_update=True).has_browser_phone = is_on


def seconds_to_wait(user_id: int, counter: Counter) -> int:
    """Count a key and give the seconds that its user must wait, 0 for none.

    Call it outside a transaction: it may use the network.
    """
    return counter.seconds_to_wait((KEYS_PER_HOUR,), str(user_id))


def key_for(client: ZadarmaClient, extension: str, host: str) -> PhoneKey:
    """Make the key of an extension's phone for pages of a host, which the PBX is asked to allow.

    Raises ZadarmaError. Call it outside a transaction: it uses the network.
    """
    allowed = client.browser_phone_domains()
    if host.casefold() not in (allowed or ()):
        try:
            client.allow_browser_phone(host, is_first=allowed is None)
        except ZadarmaError as error:
            # Two windows may open at once, and the second is refused what the first has done.
            if error.code is not ErrorCode.WRONG_REQUEST:
                raise
    return client.browser_phone_key(extension)
