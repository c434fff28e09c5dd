"""Waiting for the end of a connection, however it comes."""

import asyncio
from contextlib import suppress

from support.sockets import READ_TIMEOUT_S, RawSocket


async def ended(client: RawSocket) -> bytes:
    """Wait until the server ends the connection, in order or not; return what came before."""
    received = bytearray()
    with suppress(ConnectionError):
        async with asyncio.timeout(READ_TIMEOUT_S):
            while data := await client.read():
                received += data
    return bytes(received)


async def has_ended_within(client: RawSocket, seconds: float) -> bool:
    """Wait for the end of the connection, but not for longer; what comes is read."""
    try:
        async with asyncio.timeout(seconds):
            await ended(client)
    except TimeoutError:
        return False
    return True
