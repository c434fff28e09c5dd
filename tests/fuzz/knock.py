"""Fuzz target `knock`: any bytes to the port, through the production code from the first byte of the handshake on.

The first byte of the input says what the rest is: raw bytes from the start (0), raw bytes after a handshake (1, or 2
with compression), raw bytes to a server behind a proxy (5), or frames (3, or 4 with compression): each a first byte as
it is, a length, and so many bytes, which are masked. The second byte is the size of the pieces in which all arrives.
"""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from finalex.gateway.door import Door
from finalex.gateway.settings import GatewaySettings
from finalex.session.limits import Limits
from support.conversation import NoKeys
from support.served import Served

INPUTS_PER_SERVER = 500
WRITTEN_BYTES_MAX = 1 << 22
"""What one input may be answered with: a few long histories."""

MASK: Final = b"\x37\xfa\x21\x3d"

_HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)
_OFFER: Final = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
_SOCKET: Final = socket.socket()
"""For those who set a socket's options."""

_PLENTY: Final = 1 << 60
_SETTINGS: Final = GatewaySettings(
    compression=True,
    connections_per_ip=100,
    message_bytes_max=4096,
    fragments_max=16,
    handshakes_per_minute_max=_PLENTY,
    handshakes_per_second_max=_PLENTY,
    bytes_per_minute_max=_PLENTY,
    bytes_per_minute_per_ip_max=_PLENTY,
    bytes_per_minute_of_all_max=_PLENTY,
)
_PROXIED: Final = replace(_SETTINGS, proxy_protocol=True, trusted_proxies=(IPv4Network("127.0.0.1"),))


class Line(asyncio.Transport):
    """The network, to one client: takes all that is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "socket": _SOCKET})
        self.protocol: Any = None
        self.written = bytearray()
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self.protocol
        return protocol

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def receive(self, data: bytes) -> None:
        """Let bytes arrive."""
        protocol = self.protocol
        if not isinstance(protocol, asyncio.BufferedProtocol):
            protocol.data_received(data)
            return
        view = memoryview(data)
        while view and not self.ended:
            buffer = memoryview(protocol.get_buffer(-1))
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            protocol.buffer_updated(size)
            view = view[size:]


class _Stage:
    """The servers of the present inputs, one behind a proxy and one not, and the loop on which they run."""

    loop = asyncio.new_event_loop()
    servers: ClassVar[dict[bool, Served]] = {}
    inputs = 0
    failed: ClassVar[list[dict[str, Any]]] = []


def knock(data: bytes) -> bytes:
    """Let one connection live and return all that was written to it; raises whatever must not happen."""
    return _Stage.loop.run_until_complete(_knock(data))


async def _knock(data: bytes) -> bytes:
    proxied = data[:1] == b"\5"
    served = _served(proxied=proxied)
    line = Line()
    line.protocol = door = Door(served.gateway._reception, _PROXIED if proxied else _SETTINGS)
    door.connection_made(line)
    try:
        for piece in _pieces(data):
            if line.ended:
                break
            line.receive(piece)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    finally:
        line.ended = True
        line.protocol.connection_lost(None)
        await asyncio.sleep(0)
    assert len(line.written) <= WRITTEN_BYTES_MAX
    assert not served.metrics.failures, served.metrics.failures
    assert not _Stage.failed, _Stage.failed
    assert served.gateway.connections == 0
    return bytes(line.written)


def _served(*, proxied: bool) -> Served:
    _Stage.inputs += 1
    if _Stage.inputs % INPUTS_PER_SERVER == 1:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: _Stage.failed.append(context))
        limits = Limits(messages_per_minute_max=10_000)
        _Stage.servers = {
            behind: Served(settings, limits, NoKeys()) for behind, settings in ((False, _SETTINGS), (True, _PROXIED))
        }
    return _Stage.servers[proxied]


def _pieces(data: bytes) -> Iterator[bytes]:
    kind, size, rest = data[:1], 1 + (data[1] if len(data) > 1 else 0), data[2:]
    handshake = _HANDSHAKE % (_OFFER if kind in (b"\2", b"\4") else b"")
    match kind:
        case b"\1" | b"\2":
            sent = handshake + rest
        case b"\3" | b"\4":
            sent = handshake + b"".join(_frames(rest))
        case _:
            sent = rest
    yield from (sent[start : start + size * 8] for start in range(0, len(sent), size * 8))


def _frames(rest: bytes) -> Iterator[bytes]:
    while len(rest) >= 2:
        first, length = rest[:1], min(rest[1], 125)
        payload, rest = rest[2 : 2 + length], rest[2 + length :]
        masked = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))
        yield first + bytes([0x80 | len(payload)]) + MASK + masked
