"""The JavaScript client before a server whose market is halted and opened again."""

import asyncio
import json
import sys
from pathlib import Path

from clients_js.package import NODE
from support.server import WAIT_S, serving

PROGRAM = Path(__file__).parent / "market_status.mjs"
FINALEX = Path(sys.executable).with_name("finalex")


async def operate(data_dir: Path, *arguments: str) -> None:
    """Run `finalex` as the operator of the server does."""
    process = await asyncio.create_subprocess_exec(
        FINALEX, *arguments, "--data-dir", str(data_dir), stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def test_a_halt_is_told_and_refuses_orders_and_cancels_until_it_is_lifted(package: Path, tmp_path: Path) -> None:
    module = (package / "dist" / "finalex.js").as_uri()
    told: list[dict[str, str | None]] = []
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, asyncio.timeout(4 * WAIT_S):
        arguments = json.dumps({"module": module, "url": server.url, "token": server.token("alice")})
        process = await asyncio.create_subprocess_exec(NODE, PROGRAM, arguments, stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout is not None
            for command in (("halt", "BTC/USDT", "--reason", "news"), ("open", "BTC/USDT"), None):
                told.append(json.loads(await process.stdout.readline()))
                if command is not None:
                    await operate(tmp_path, *command)
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
    halted = {"placed": "OrderRejectedError market_halted", "canceled": "CancelRejectedError market_halted"}
    assert told == [
        {"state": "open", "book": "live", "reason": None, "placed": "done", "canceled": ""},
        {"state": "halted", "book": "live", "reason": "news"} | halted,
        {"state": "open", "book": "live", "reason": None, "placed": "done", "canceled": "done"},
    ]
