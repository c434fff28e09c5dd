"""A recorder: writes every trade down, once, in order, whatever happens to the connection.

    python examples/recorder.py ws://localhost:8081 trades.sqlite BTC/USDT ETH/USDT
    python examples/recorder.py ws://localhost:8081 trades.jsonl BTC/USDT

A file that is there is continued, from up to 1,000 trades ago. Ctrl-C ends it. If trades are missing for good, it
says between which.
"""

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from finalex.client import Gap, Subscription, connect
from finalex.protocol.messages import TradeData

BATCH_MAX = 1_000
"""How many trades are written together at most."""


class Sink(Protocol):
    """Where trades go."""

    def last(self, symbol: str) -> int:
        """Return the number of the last trade that is there, 0 for none."""

    def write(self, trades: list[TradeData]) -> None:
        """Write trades so that they stay."""


class Lines:
    """A file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._last: dict[str, int] = {}
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):  # a run before was killed in the middle of it
                break
            end += len(line)
            trade = json.loads(line)
            self._last[trade["symbol"]] = int(trade["trade_id"])
        self._file.truncate(end)

    def last(self, symbol: str) -> int:
        return self._last.get(symbol, 0)

    def write(self, trades: list[TradeData]) -> None:
        self._file.write(b"".join(msgspec.json.encode(trade) + b"\n" for trade in trades))
        self._file.flush()


class Table:
    """A table of an SQLite database; numbers are kept as their exact text."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS trades (symbol TEXT, trade_id INTEGER, time_ms INTEGER, side TEXT, "
            "price TEXT, quantity TEXT, PRIMARY KEY (symbol, trade_id)) WITHOUT ROWID"
        )

    def last(self, symbol: str) -> int:
        (number,) = self._database.execute("SELECT max(trade_id) FROM trades WHERE symbol = ?", (symbol,)).fetchone()
        return number or 0

    def write(self, trades: list[TradeData]) -> None:
        rows = [(t.symbol, int(t.trade_id), t.timestamp, t.side, t.price, t.quantity) for t in trades]
        with self._database:
            self._database.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?)", rows)


async def record(trades: Subscription[TradeData], sink: Sink, symbol: str) -> None:
    """Write a symbol's trades down until cancelled; those that are there already are left out."""
    last = sink.last(symbol)
    while True:
        batch = [await anext(trades)]
        while trades.waiting and len(batch) < BATCH_MAX:
            batch.append(await anext(trades))
        new = [trade for trade in batch if int(trade.trade_id) > last]
        if not new:
            continue
        if last and int(new[0].trade_id) != last + 1:
            print(f"{symbol}: nothing of trades {last + 1} to {int(new[0].trade_id) - 1}", file=sys.stderr, flush=True)
        sink.write(new)
        last = int(new[-1].trade_id)
        print(f"{symbol}: up to trade {last}", flush=True)


def missed(gap: Gap) -> None:
    """Say that there is a gap; the numbers on both sides of it come with the next trade."""
    print(f"{gap.symbol}: {gap.details}", file=sys.stderr, flush=True)


async def main(url: str, path: Path, symbols: list[str]) -> None:
    sink: Sink = Table(path) if path.suffix in (".sqlite", ".db") else Lines(path)
    async with connect(url) as client, asyncio.TaskGroup() as tasks:
        for symbol in symbols:
            tasks.create_task(record(client.trades(symbol, snapshot=1000, on_gap=missed), sink, symbol))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
    except KeyboardInterrupt:
        print("stopped")
