"""The examples and the README's first client run as they are printed."""

import asyncio
import re
import sys
from pathlib import Path

from support.server import serving

ROOT = Path(__file__).parents[1]


async def run(*arguments: str) -> tuple[int | None, str, str]:
    """Run Python and return exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=-1, stderr=-1)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


async def test_the_trading_example_buys_on_the_simulated_market() -> None:
    async with serving(source="simulate", history_hours="0") as server:
        code, output, errors = await run(str(ROOT / "examples" / "trade.py"), server.url, server.token("alice"))
    assert code == 0, errors
    assert "is filled" in output
    assert re.search(r"bought 0\.\d{8} at \d+\.\d\d, fee 0\.\d{8} BTC", output), output


async def test_the_first_client_of_the_readme_prints_prices(tmp_path: Path) -> None:
    block = next(b for b in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    async with serving(source="simulate", history_hours="0") as server:
        assert "ws://localhost:8081" in block
        script = tmp_path / "client.py"
        script.write_text(block.replace("ws://localhost:8081", server.url))
        process = await asyncio.create_subprocess_exec(sys.executable, "-u", str(script), stdout=-1)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        process.terminate()
        await process.communicate()
    assert re.fullmatch(r"\d+\.\d\d \d+\.\d\d \d+\.\d\d\n", line.decode())
