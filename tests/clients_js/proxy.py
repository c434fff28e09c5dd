"""A proxy that cuts connections at random places, in the middle of a handshake or a message too."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

CHUNK_BYTES = 2048


class CuttingProxy:
    """Forwards to a port of this machine; `cuts` counts the connections that it broke, `port` is its own.

    Of what the server sends on one connection up to `bytes_max` comes through.
    """

    def __init__(self, target_port: int, rng: Random, bytes_max: int) -> None:
        self.cuts = 0
        self.port = 0
        self._cutting = True
        self._cut = asyncio.Condition()
        self._target_port = target_port
        self._rng = rng
        self._bytes_max = bytes_max
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CuttingProxy"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, count: int) -> None:
        """Wait until `count` connections were cut, and then cut no more."""
        async with self._cut:
            await self._cut.wait_for(lambda: self.cuts >= count)
        self._cutting = False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        up = asyncio.create_task(self._pump(reader, target_writer, None))
        down = asyncio.create_task(self._pump(target_reader, writer, self._rng.randint(1, self._bytes_max)))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            for each in (writer, target_writer):
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                if budget is not None and self._cutting and len(data) > budget:
                    writer.write(data[:budget])
                    await writer.drain()
                    async with self._cut:
                        self.cuts += 1
                        self._cut.notify_all()
                    return
                budget = None if budget is None else budget - len(data)
                writer.write(data)
                await writer.drain()
