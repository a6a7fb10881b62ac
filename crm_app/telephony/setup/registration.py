"""Where the PBX posts its notifications, and which: asked, set and compared with what is ours.

What asks the PBX is called outside of any transaction; the verbs that store do not commit.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from crm_app.errors import RamalError
from crm_app.telephony.models import LampState
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from crm_app.telephony.zadarma.replies import EventsAddress, Hooks, Notifications, WebhookAddress


class UnreachedError(RamalError):
    """The PBX did not reach our address, and so does not take it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the PBX has: where it posts calls and other events, and which of both."""

    calls: WebhookAddress
    events: EventsAddress

    def is_at(self, address: str) -> bool:
        """Whether calls and other events are posted to this address."""
        return self.calls.url == address == self.events.url

    @property
    def switched_off(self) -> list[str]:
        """The notifications that are off, by the PBX's own names."""
        flags = {**self.calls.notifications.to_params(), **self.events.hooks.to_params()}
        return [name.upper() for name, word in flags.items() if word == "false"]

    def as_json(self) -> dict[str, Any]:
        """Write it as the command does."""
        words = self.calls.notifications.to_params()
        return {
            "callinfo": {
                "url": self.calls.url,
                "notifications": {name: word == "true" for name, word in words.items()},
            },
            "webhooks": {"url": self.events.url, "hooks": asdict(self.events.hooks)},
        }


@dataclass(frozen=True, slots=True)
class Registration:
    """What the PBX had before, and has now."""

    before: Registered
    after: Registered

    @property
    def has_changed(self) -> bool:
        """Whether anything had to be set."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Look:
    """What the PBX has, and whether it reached our address; None when it was not asked to."""

    found: Registered
    is_reached: bool | None


def look(client: ZadarmaClient) -> Registered:
    """Ask what the PBX has."""
    return Registered(client.webhook_address(), client.events_address())


def look_and_reach(client: ZadarmaClient, address: str) -> Look:
    """Ask what the PBX has, and let it try our address if that is the one it has.

    Setting the address that is set already changes nothing, but the PBX asks it for an echo.
    """
    found = look(client)
    if found.calls.url != address:
        return Look(found, is_reached=None)
    return Look(found, _takes(lambda: client.set_webhook_address(address)))


def register(client: ZadarmaClient, address: str) -> Registration:
    """Set address and notifications, all of them, and give what the PBX has then.

    Raises UnreachedError when the PBX did not reach the address, and ZadarmaError.
    """
    before = look(client)
    if not _takes(lambda: client.set_webhook_address(address)):
        raise UnreachedError(address)
    client.set_notifications(Notifications())
    if not _takes(lambda: client.set_events_address(address)):
        raise UnreachedError(address)
    client.set_hooks(Hooks())
    return Registration(before, look(client))


def keep(found: Registered, address: str) -> None:
    """Store what the PBX has; what had been right and is no longer was changed in the account."""
    was = LampState.all()
    if found.is_at(address):
        LampState.put("address", "ok", digest=digest_of(address))
    else:
        other = found.events.url if found.calls.url == address else found.calls.url
        host = urlsplit(other).netloc
        code = _where(other, address)
        if code != "old" and "address" in was and was["address"].code in ("", "changed"):
            code = "changed"
        LampState.put("address", "bad", code, host=host or "—")
    off = found.switched_off
    has_been_on = "notifications" in was and was["notifications"].code in ("", "changed")
    code = "changed" if has_been_on else "off"
    LampState.put("notifications", "bad" if off else "ok", code if off else "", off=off)


def keep_reached(*, is_reached: bool, address: str) -> None:
    """Store whether the PBX reached our address."""
    LampState.put("echo", "ok" if is_reached else "bad", digest=digest_of(address))


def digest_of(address: str) -> str:
    """Name an address without its secret token."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _where(other: str, address: str) -> str:
    if not other:
        return "none"
    ours, theirs = urlsplit(address), urlsplit(other)
    is_here = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
    return "old" if is_here else "elsewhere"


def _takes(set_address: Callable[[], str]) -> bool:
    try:
        set_address()
    except ZadarmaError as error:
        # The PBX's words for an address that does not answer are "Wrong parameters".
        if error.code is not ErrorCode.WRONG_REQUEST:
            raise
        return False
    return True
