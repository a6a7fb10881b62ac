"""Verifies that the PBX posted: by network, token of the address, and signature."""

import hmac
from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from crm_app.config import Config
from crm_app.proxies import plain_address
from crm_app.telephony.connection import Link
from crm_app.telephony.webhook import bodies
from crm_app.telephony.webhook.arrivals import Arrival
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.signing import has_signature_rule, is_known_event, verify_webhook

MOST_REMEMBERED = 10_000


def is_allowed_sender(address: str, config: Config) -> bool:
    """Check that an address is in the networks that the PBX sends from."""
    networks = config.webhook_allowed_networks
    return networks is None or _is_in(address, networks)


# The PBX sends from a few addresses; to read one and compare it takes as long as a statement.
@lru_cache(maxsize=1_000)
def _is_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    sender = plain_address(address)
    return sender is not None and any(sender in network for network in networks)


def is_signed(arrival: Arrival, link: Link) -> bool:
    """Check the signature of a body that may not be a readable event."""
    try:
        fields = bodies.fields_of(arrival.body, arrival.content_type)
    except bodies.UnreadableBodyError:
        return False
    return verify_webhook(fields, arrival.signature, link.secret)


def has_token(link: Link, token: str) -> bool:
    """Check the token of the address in constant time."""
    return hmac.compare_digest(token.encode("utf-8", "replace"), link.token.encode())


def genuine_event(
    config: Config, link: Link, arrival: Arrival, fields: dict[str, str], event: events.Event
) -> events.Event | None:
    """Return the event as it was signed, None when its signature or token is wrong."""
    if arrival.is_verified and not link.is_connected:
        return event
    if not (arrival.is_verified or (link.is_connected and has_token(link, arrival.token))):
        return None
    if verify_webhook(fields, arrival.signature, link.secret):
        return event
    unencoded = bodies.unencoded_fields(arrival.body, arrival.content_type)
    if unencoded and verify_webhook(unencoded, arrival.signature, link.secret):
        return events.parse(unencoded)
    if arrival.is_verified:
        # It was verified with the secret of its time.
        return event
    if not isinstance(event, events.OtherEvent):
        return None
    # These change nothing here: at most the PBX is asked something. Some kinds are never signed,
    # and future kinds are unknown; the PBX might stop posting to an address that keeps refusing. So
    # for these the sender's network is enough.
    has_networks = config.webhook_allowed_networks is not None
    is_new_kind = has_networks and not is_known_event(event.name)
    return event if is_new_kind or not has_signature_rule(event.name) else None


class SeenSignatures:
    """Remembers the newest signatures of this process, each with its call.

    The signature covers neither the kind of a notification nor its call: an attacker could replay
    one as another call. Two callers with hidden numbers may legitimately share one second.
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[str, str] = OrderedDict()

    def is_of_another_call(self, signature: str, pbx_call_id: str) -> bool:
        """Remember a signature; True when it was already used for another call."""
        known = self._calls.setdefault(signature, pbx_call_id)
        self._calls.move_to_end(signature)
        if len(self._calls) > MOST_REMEMBERED:
            self._calls.popitem(last=False)
        return known != pbx_call_id
