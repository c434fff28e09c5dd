"""Traders with the JavaScript SDK, in a process of Node's."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from clients_js.package import NODE, SOURCES
from cluster.faults.seen import Account, Expected, Seen
from finalex.bus.server import dying_with_parent

PROGRAM = Path(__file__).parent / "trading.mjs"
CLIENT = SOURCES / "src" / "index.ts"
"""Node leaves out the types by itself."""
LINE_BYTES_MAX = 1 << 28
ANSWER_TIMEOUT_S = 120.0
SEED = 11


class NodeClients:
    """Traders in a process that is spoken to line by line."""

    def __init__(self, process: asyncio.subprocess.Process, users: Sequence[str]) -> None:
        self._process = process
        self._users = list(users)

    @property
    def users(self) -> list[str]:
        """See `Clients.users`."""
        return self._users

    async def go(self) -> None:
        """See `Clients.go`."""
        await self._ask("go")

    async def rest(self) -> None:
        """See `Clients.rest`."""
        await self._ask("rest")

    async def take(self, expected: dict[str, Expected]) -> list[Seen]:
        """See `Clients.take`."""
        told = await self._ask(json.dumps({user: asdict(expected[user]) for user in self._users}))
        return msgspec.convert(told, list[Seen])

    async def hear(self) -> Any:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            line = await self._process.stdout.readline()
        assert line, f"the JavaScript clients have ended with {await self._process.wait()}"
        return json.loads(line)

    async def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        return await self.hear()


@asynccontextmanager
async def node_clients(accounts: Sequence[Account]) -> AsyncIterator[NodeClients]:
    """Run a trader for each account, with the SDK as its sources have it; they rest until they are told to go."""
    arguments = {"client": CLIENT.as_uri(), "accounts": [account._asdict() for account in accounts], "seed": SEED}
    process = await asyncio.create_subprocess_exec(
        NODE,
        PROGRAM,
        json.dumps(arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
        preexec_fn=dying_with_parent(),
    )
    try:
        clients = NodeClients(process, [account.user for account in accounts])
        assert await clients.hear() == "opened"
        yield clients
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
