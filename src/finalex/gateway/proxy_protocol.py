"""The PROXY protocol, versions 1 and 2: what a proxy says of a connection before the connection's own bytes.

The specification is https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt; sections are of it.
"""

import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""How version 2 begins (section 2.2)."""

LINE_BYTES_MAX = 107
"""The longest line of version 1 (section 2.1)."""

TEXTS_BYTES_MAX = 4096
"""The most that version 2 may carry after its head: the addresses, and extensions that nobody here reads."""

_HEAD = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6, _UNSPEC = 0x11, 0x21, 0x00
_LINE = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})\r\n|PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_PORT_MAX = 65535


class ProxyProtocolError(Exception):
    """What came is no PROXY header."""


class Proxied(msgspec.Struct, frozen=True):
    """A header: the client's address, `None` if the proxy speaks for itself (a health check, say), and its length."""

    address: str | None
    size: int


def read_header(data: bytes) -> Proxied | None:
    """Return the header that `data` begins with, or `None` if more is needed; raises `ProxyProtocolError`."""
    if data.startswith(SIGNATURE[: len(data)]):
        return _read_binary(data)
    if not data.startswith(b"PROXY "[: len(data)]):
        raise ProxyProtocolError
    end = data.find(b"\n", 0, LINE_BYTES_MAX)
    if end >= 0:
        return _read_line(data[: end + 1])
    if len(data) >= LINE_BYTES_MAX:
        raise ProxyProtocolError
    return None


def _read_line(line: bytes) -> Proxied:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ProxyProtocolError
    if match[1] is None:
        return Proxied(None, len(line))
    kind = IPv4Address if match[1] == b"TCP4" else IPv6Address
    try:
        source, destination = (ip_address(part.decode("ascii")) for part in match.groups()[1:3])
    except ValueError:
        raise ProxyProtocolError from None
    if not (isinstance(source, kind) and isinstance(destination, kind)):
        raise ProxyProtocolError
    if max(int(match[4]), int(match[5])) > _PORT_MAX:
        raise ProxyProtocolError
    return Proxied(str(source), len(line))


def _read_binary(data: bytes) -> Proxied | None:
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    if command not in (_LOCAL, _PROXY) or length > TEXTS_BYTES_MAX:
        raise ProxyProtocolError
    if len(data) < _HEAD.size + length:
        return None
    body = data[_HEAD.size : _HEAD.size + length]
    if command == _LOCAL or family == _UNSPEC:
        return Proxied(None, _HEAD.size + length)
    return Proxied(_source(family, body), _HEAD.size + length)


def _source(family: int, body: bytes) -> str:
    """Return the source address; two addresses and two ports are the least there must be."""
    if family == _TCP4 and len(body) >= 12:
        return str(IPv4Address(body[:4]))
    if family == _TCP6 and len(body) >= 36:
        return str(IPv6Address(body[:16]))
    raise ProxyProtocolError
