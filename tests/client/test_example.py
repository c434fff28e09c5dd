"""The examples of the client run as they are printed."""

import asyncio
import re
import sys
from pathlib import Path

from support.server import serving

EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_the_first_client_prints_prices() -> None:
    async with serving(source="simulate", history_hours="0") as server:
        example = str(EXAMPLES / "first_client.py")
        process = await asyncio.create_subprocess_exec(sys.executable, example, server.url, stdout=-1)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        process.terminate()
        await process.communicate()
    assert re.fullmatch(r"\d+\.\d\d \d+\.\d\d \d+\.\d\d\n", line.decode())


async def test_the_bot_buys_and_sells() -> None:
    async with serving(source="simulate", history_hours="0") as server:
        arguments = (str(EXAMPLES / "bot.py"), server.url, server.token("alice"))
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=-1, stderr=-1)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    assert re.fullmatch(
        r"bought 0\.\d+ for \d+\.\d\d\nsold 0\.\d+ for \d+\.\d\d\nfree: \d+\.\d\d USDT\n", output.decode()
    )
