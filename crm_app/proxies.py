"""Which proxies are in front of us, and which of their headers are trusted."""

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.1/32"),
    ipaddress.ip_network("::1/128"),
)
MOST = 10


@dataclass(frozen=True, slots=True)
class Proxies:
    """How many proxies a request passes, and the networks from which the last one reaches us."""

    count: int = 0
    networks: tuple[Network, ...] = LOOPBACK

    @classmethod
    def read(cls, text: str) -> "Proxies":
        """Read a number, networks, or both, such as `1,10.0.0.0/8`; raises ValueError."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        numbers = [part for part in parts if part.isascii() and part.isdigit()]
        if len(numbers) > 1:
            raise ValueError("must hold one number only, and perhaps networks, as 1,10.0.0.0/8")
        try:
            networks = tuple(ipaddress.ip_network(part) for part in parts if part not in numbers)
        except ValueError:
            raise ValueError("must be a number and perhaps networks, as 1,10.0.0.0/8") from None
        count = int(numbers[0]) if numbers else int(bool(networks))
        if count > MOST or (networks and not count):
            raise ValueError(f"must be a number up to {MOST}, and 1 or more before networks")
        return cls(count, networks or LOOPBACK)

    def __str__(self) -> str:
        """Write it as it is read."""
        if self.networks == LOOPBACK:
            return str(self.count)
        return ",".join([str(self.count), *map(str, self.networks)])

    def has(self, peer: str) -> bool:
        """Whether a connection comes from a proxy; that of a Unix socket has no address."""
        if not peer:
            return True
        address = plain_address(peer)
        return address is not None and any(address in network for network in self.networks)


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address in plain notation; None for any other, such as one with a zone or port.

    An IPv4 address that a socket of both kinds shows as IPv6 is given as IPv4.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address


def is_loopback(host: str) -> bool:
    """Whether a host, as in an address of the web, is this machine."""
    name = host.strip("[]").rstrip(".").lower()
    address = plain_address(name)
    return name == "localhost" if address is None else address.is_loopback
