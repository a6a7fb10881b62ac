"""Which part of a network address counts as one guesser, and which part is kept for long."""

import ipaddress

_KEPT_BITS = {4: 24, 6: 64}


def network_of(address: str) -> str:
    """Return what one guesser has of the network: an IPv4 address, of IPv6 the first 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    # So are IPv4 addresses shown by a socket that speaks both.
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))


def shortened(address: str) -> str:
    """Return the network of an address (/24, of IPv6 /64), which names an office and no machine.

    What is no address is left out, because nobody knows what it tells.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, _KEPT_BITS[parsed.version]), strict=False))
