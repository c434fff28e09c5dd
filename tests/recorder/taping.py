"""Recorders within a test's event loop, servers that follow a script, and a wire that can be cut."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from finalex.clock import now_ns
from finalex.protocol.streams import Stream
from finalex.recorder.address import parse_address
from finalex.recorder.continuity import Gap
from finalex.recorder.file import RecordingFile
from finalex.recorder.intake import Intake
from finalex.recorder.received import Received
from finalex.recorder.recorder import Recorder
from support.sockets import READ_TIMEOUT_S

TRADES = Stream("trades", "BTC/USDT")
BOOK = Stream("orderbook", "BTC/USDT", depth=1000)

Message = dict[str, Any]


class Witness(Intake):
    """An intake that tells when what a test waits for has come."""

    def __init__(self, file: RecordingFile, report: Callable[[str], None]) -> None:
        super().__init__(file, report, now_ns)
        self.changed = asyncio.Event()
        self.seen: list[Received] = []
        self.texts: list[bytes] = []

    def take(self, text: bytes) -> tuple[Received, Gap | None] | None:
        taken = super().take(text)
        self.seen += [taken[0]] if taken else []
        self.texts.append(text)
        self.changed.set()
        return taken


class Taping:
    """A recorder that writes to a new file; its pauses are noted, and not waited for unless `patient`."""

    def __init__(
        self, path: Path, port: int, streams: Sequence[Stream], query: str = "", *, patient: bool = False
    ) -> None:
        self.path = path
        self.pausing = asyncio.Event()
        self._patient = patient
        self.told: list[str] = []
        self.pauses: list[float] = []
        self.file = RecordingFile(path)
        self.intake = Witness(self.file, self.told.append)
        address = parse_address(f"ws://127.0.0.1:{port}/{query}")
        self.recorder = Recorder(address, streams, self.intake, self._pause)

    async def run(self) -> None:
        """Record until cancelled, or until it fails."""
        try:
            await self.recorder.run()
        finally:
            self.file.close()

    async def run_until(self, enough: Callable[[Received], bool]) -> None:
        """Record until a message that is `enough` has come."""
        task = asyncio.create_task(self.run())
        await self.until(lambda: any(map(enough, self.intake.seen)), task)
        await stop(task)

    async def until(self, condition: Callable[[], object], task: asyncio.Task[None]) -> None:
        """Wait until messages make `condition` true; fails if the recording ends before."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while not condition():
                self.intake.changed.clear()
                waiting = asyncio.create_task(self.intake.changed.wait())
                await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                assert not task.done(), task.exception()

    def messages(self) -> list[Message]:
        """Return what is in the file."""
        self.intake.flush()
        return [json.loads(line.partition(b" ")[2]) for line in self.path.read_bytes().splitlines()]

    def kinds(self) -> list[str]:
        """Return the types of the messages in the file, and the status of those that have one."""
        return [message["data"].get("status", message["type"]) for message in self.messages()]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pausing.set()
        if self._patient:
            await asyncio.Event().wait()


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a recording and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


Part = Callable[[ServerConnection], Awaitable[None]]


class Actor:
    """A server that plays one part for each connection, the last one again and again."""

    def __init__(self, *parts: Part) -> None:
        self.port = 0
        self.requests: list[Message] = []
        self.closed: list[int | None] = []
        self._parts = parts
        self._turn = 0

    async def play(self, connection: ServerConnection) -> None:
        part = self._parts[min(self._turn, len(self._parts) - 1)]
        self._turn += 1
        await part(connection)
        async for text in connection:
            self.requests.append(json.loads(text))
        self.closed.append(connection.close_code)


@asynccontextmanager
async def acting(*parts: Part) -> AsyncIterator[Actor]:
    """Serve with these parts until the block ends."""
    actor = Actor(*parts)
    async with serve(actor.play, "127.0.0.1", 0) as server:
        actor.port = next(iter(server.sockets)).getsockname()[1]
        yield actor


def sending(*lines: bytes) -> Part:
    """Return a part that sends what such lines of a recording say, and then listens."""

    async def play(connection: ServerConnection) -> None:
        for line in lines:
            await connection.send(line.partition(b" ")[2].strip().decode())

    return play


def closing(code: int, *lines: bytes) -> Part:
    """Return a part that sends something and closes."""

    async def play(connection: ServerConnection) -> None:
        await sending(*lines)(connection)
        await connection.close(code, "scripted")

    return play


async def vanishing(connection: ServerConnection) -> None:
    """Play a server whose process dies."""
    connection.transport.abort()


class Wire:
    """A wire to a server on this machine that can be cut."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._target = port
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """End every connection without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, there_writer]
        with suppress(OSError):
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def wired(port: int) -> AsyncIterator[Wire]:
    """Put a wire before a server until the block ends."""
    wire = Wire(port)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.cut()
        server.close()
