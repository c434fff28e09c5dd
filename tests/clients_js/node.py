"""A run in Node."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clients_js.package import NODE
from clients_js.run import PHASE_TIMEOUT_S, Result, Run, first_of

PROGRAM = Path(__file__).parent / "node.mjs"
LINE_BYTES_MAX = 1 << 26


class NodeRun(Run):
    """A run in a process of Node's."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """See `Run.during`."""
        await first_of(step, self._ended())

    async def stop(self) -> None:
        """See `Run.stop`."""
        assert await self._tell("stop") == "STOPPED"

    async def result(self, expected: object) -> Result:
        """See `Run.result`."""
        result: Result = json.loads(await self._tell(json.dumps(expected)))
        return result

    async def _ended(self) -> str:
        return f"the process has ended with {await self._process.wait()}"

    async def _tell(self, line: str) -> str:
        """Write a line and return the next one that comes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), PHASE_TIMEOUT_S)
        assert answer, await self._ended()
        return answer.decode().strip()


@asynccontextmanager
async def run_in_node(package: Path, arguments: dict[str, Any]) -> AsyncIterator[Run]:
    """Start a run in Node: see `Start`."""
    client = (package / "dist" / "finalex.js").as_uri()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        NODE, PROGRAM, json.dumps({"client": client, **arguments}), stdin=pipe, stdout=pipe, limit=LINE_BYTES_MAX
    )
    try:
        yield NodeRun(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
