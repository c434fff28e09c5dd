"""The way in, byte by byte, over a transport that the test holds."""

import asyncio

from finalex.gateway.door import Door
from finalex.gateway.settings import GatewaySettings
from finalex.session.limits import Limits
from fuzz.knock import Line
from support.conversation import NoKeys
from support.served import Served

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASKED_PING = b"\x89\x80\0\0\0\0"


async def test_what_comes_before_the_handshakes_turn_is_part_of_the_same_connection() -> None:
    settings = GatewaySettings()
    served, line = Served(settings, Limits(), NoKeys()), Line()
    line.protocol = door = Door(served.gateway._reception, settings)
    door.connection_made(line)
    for piece in (HANDSHAKE[:50], HANDSHAKE[50:] + MASKED_PING[:2], MASKED_PING[2:], MASKED_PING):
        line.receive(piece)
    for _ in range(3):
        await asyncio.sleep(0)
    assert served.gateway.connections == 1
    assert line.written.startswith(b"HTTP/1.1 101 ")
    assert line.written.count(b"\x8a\x00") == 2
    line.protocol.connection_lost(None)
    await asyncio.sleep(0)
    assert served.gateway.connections == 0
