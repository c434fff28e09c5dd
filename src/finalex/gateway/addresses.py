"""Whose connection it is: the address that limits count."""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from finalex.gateway.settings import Network

HOPS_MAX = 32
"""How many entries of X-Forwarded-For are looked at, from the right."""

IPV6_PREFIX_BITS = 64
"""What one customer of a network gets at least, and can take any address of: so limits count it as one."""

Address = IPv4Address | IPv6Address


def client_address(peer: str, forwarded: Sequence[str], trusted: Collection[Network]) -> str:
    """Return the address of the client behind `peer`.

    `forwarded` are the members of X-Forwarded-For, in order. They count only as far as trusted proxies vouch for
    them: the right-most address that is not itself a trusted proxy is the client's. An entry that is no address
    ends the search at the proxy that sent it. IPv4 addresses mapped into IPv6 count as IPv4.
    """
    address = parse_address(peer)
    if address is None:
        return peer
    hops = list(forwarded[-HOPS_MAX:])
    while hops and _within(address, trusted):
        hop = parse_address(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


def limited_as(address: str) -> str:
    """Return what the limits of `address` count: itself, or the /64 network of an IPv6 address."""
    parsed = parse_address(address) if ":" in address else None
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, IPV6_PREFIX_BITS), strict=False))
    return address if parsed is None else str(parsed)


def parse_address(text: str) -> Address | None:
    """Return the address in `text`, which may have a port, brackets or a zone; `None` if there is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(peer: str, trusted: Collection[Network]) -> bool:
    """Whether `peer` is a trusted proxy."""
    address = parse_address(peer)
    return address is not None and _within(address, trusted)


def _within(address: Address, networks: Collection[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
