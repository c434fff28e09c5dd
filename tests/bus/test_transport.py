"""Leaving a server that takes nothing any more."""

import asyncio
from urllib.parse import urlparse

from finalex.bus.transport import LeavableTransport


async def test_a_server_that_hangs_can_be_left_with_much_unsent() -> None:
    hanging = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0, limit=1024)
    transport = LeavableTransport()
    await transport.connect(urlparse(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"), 1024, 2)
    transport.write(bytes(64 << 20))  # type: ignore[no-untyped-call]
    transport.close()  # type: ignore[no-untyped-call]

    async with asyncio.timeout(30):
        await transport.wait_closed()

    assert not transport
    hanging.set()
    server.close()
    await server.wait_closed()
