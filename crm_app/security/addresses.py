"""Which part of a network address counts as one attacker, and which part is stored for long."""

import ipaddress

_KEPT_BITS = {4: 24, 6: 64}


def network_of(address: str) -> str:
    """Return what one attacker usually controls: an IPv4 address, or a /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    # A dual-stack socket shows IPv4 addresses mapped into IPv6.
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))


def shortened(address: str) -> str:
    """Return the network of an address (/24, of IPv6 /64): it identifies an office, not a machine.

    Returns "" for anything else, because it could hold personal data.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, _KEPT_BITS[parsed.version]), strict=False))
