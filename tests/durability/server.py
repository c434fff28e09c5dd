"""A server as a process that can be killed."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

FINALEX = Path(sys.executable).parent / "finalex"
START_TIMEOUT_S = 60


class ServerProcess:
    """`finalex serve` on a data directory; `url` is where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    async def kill(self) -> None:
        """End it as a power cut of the process would."""
        self._process.kill()
        await self._process.communicate()

    async def stop(self) -> int | None:
        """Ask it to stop; return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        await self._process.communicate()
        return self._process.returncode


async def start(data_dir: Path, *flags: str) -> ServerProcess:
    """Start a server and wait until it listens."""
    arguments = ["serve", "--source", "exchange", "--port", "0", "--data-dir", str(data_dir), *flags]
    process = await asyncio.create_subprocess_exec(FINALEX, *arguments, stdout=-1, stderr=None)
    assert process.stdout is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stdout:
            if b"ws://" in line:
                return ServerProcess(process, line.split()[-1].decode())
    raise RuntimeError(f"the server did not start: exit code {await process.wait()}")


@contextlib.asynccontextmanager
async def running(data_dir: Path, *flags: str) -> AsyncIterator[ServerProcess]:
    """Run a server, and kill it in the end if it still runs."""
    server = await start(data_dir, *flags)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            await server.kill()
