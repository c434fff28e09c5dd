"""A server with too few file descriptors for all who come: it serves those it has, and takes more when it can."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from support.sockets import READ_TIMEOUT_S, RawWebSocket, RefusedError, open_websocket

DESCRIPTORS_MAX = 64
START_TIMEOUT_S = 60
FINALEX = Path(sys.executable).parent / "finalex"


class ScantServer:
    """`finalex serve` that may open few files, and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @property
    def descriptors(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def cpu_s(self) -> float:
        """The CPU time that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def take_away(self) -> None:
        """Leave it no more descriptors than it uses now."""
        used = {int(name) for name in os.listdir(f"/proc/{self._process.pid}/fd")}
        first_free = min(set(range(DESCRIPTORS_MAX)) - used)
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (first_free, DESCRIPTORS_MAX))

    def give_back(self) -> None:
        """Let it have as many as at the start."""
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS_MAX, DESCRIPTORS_MAX))

    async def logged(self, event: str) -> None:
        """Wait until it logs `event`."""
        assert self._process.stderr is not None
        async with asyncio.timeout(READ_TIMEOUT_S):
            while event not in (await self._process.stderr.readline()).decode():
                pass

    async def connect(self) -> RawWebSocket | None:
        """Return a connection, or `None` if the server refuses it in whatever way."""
        try:
            client = await open_websocket(self.port)
        except (RefusedError, OSError, asyncio.IncompleteReadError):
            return None
        await client.message()
        return client

    async def stop(self) -> str:
        """Ask it to stop, and return what it has logged."""
        self._process.terminate()
        _, logged = await self._process.communicate()
        return logged.decode()

    async def kill(self) -> None:
        """End it if it still runs."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def scant_server(directory: Path) -> AsyncIterator[ScantServer]:
    """Run a server whose limit of descriptors is `DESCRIPTORS_MAX`, in a directory of its own."""
    flags = "--source exchange --port 0 --data-dir :memory: --connections-per-ip 1000"
    command = f'ulimit -n {DESCRIPTORS_MAX}; exec "$0" serve {flags}'
    process = await asyncio.create_subprocess_exec("sh", "-c", command, FINALEX, stdout=-1, stderr=-1, cwd=directory)
    assert process.stdout is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stdout:
            if b"ws://" in line:
                break
    server = ScantServer(process, int(line.rpartition(b":")[2]))
    try:
        yield server
    finally:
        await server.kill()


@pytest.fixture
async def scant(tmp_path: Path) -> AsyncIterator[ScantServer]:
    """Run a server that may open few files."""
    async with scant_server(tmp_path) as server:
        yield server


async def answers(client: RawWebSocket) -> bool:
    """Whether a ping is answered."""
    client.request("ping")
    return bool((await client.message())["type"] == "pong")


async def test_more_clients_than_descriptors_are_survived(scant: ScantServer) -> None:
    came = [await scant.connect() for _ in range(2 * DESCRIPTORS_MAX)]
    served = [client for client in came if client is not None]
    assert 10 < len(served) < DESCRIPTORS_MAX
    assert came[-1] is None
    assert scant.descriptors < DESCRIPTORS_MAX
    assert all([await answers(client) for client in served])
    for client in served[1:]:
        await client.close()
    while scant.descriptors > DESCRIPTORS_MAX // 2:
        assert await answers(served[0])
    newcomer = await scant.connect()
    assert newcomer is not None
    assert await answers(newcomer)
    for client in (served[0], newcomer):
        await client.close()
    logged = await scant.stop()
    assert logged.count("connections_limited") == logged.count("server_full") == 1
    assert "descriptors_exhausted" not in logged


async def test_those_who_are_not_taken_keep_nobody_busy(scant: ScantServer) -> None:
    held = [await scant.connect() for _ in range(DESCRIPTORS_MAX)]
    knocking = [asyncio.open_connection("127.0.0.1", scant.port) for _ in range(DESCRIPTORS_MAX)]
    knocked = [come for come in await asyncio.gather(*knocking, return_exceptions=True) if isinstance(come, tuple)]
    before_s = scant.cpu_s
    await asyncio.sleep(1)
    assert scant.cpu_s - before_s < 0.5
    assert held[0] is not None
    assert await answers(held[0])
    for _, writer in knocked:
        writer.transport.abort()
    for client in held:
        if client is not None:
            await client.close()


async def test_when_there_are_none_at_all_it_says_so_and_goes_on_when_there_are(scant: ScantServer) -> None:
    clients = [await scant.connect() for _ in range(3)]
    scant.take_away()
    assert [await scant.connect() for _ in range(10)] == [None] * 10
    await scant.logged("descriptors_exhausted")
    before_s = scant.cpu_s
    await asyncio.sleep(1)
    assert scant.cpu_s - before_s < 0.5
    for client in clients:
        assert client is not None
        assert await answers(client)
    scant.give_back()
    clients.append(await scant.connect())
    await scant.logged("descriptors_free_again")
    for client in clients:
        assert client is not None
        assert await answers(client)
        await client.close()


def test_the_limit_is_lower_than_that_of_this_process() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 4 * DESCRIPTORS_MAX
