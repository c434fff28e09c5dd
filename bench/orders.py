"""Orders a second, each durable before it is answered: what matching, encoding and the disk take of it.

`python -m bench.orders` runs an exchange in this process with 1, 10, 100 and 1,000 clients who each send the next order
when the last is answered, on a log on disk (in `--directory`) and on one in memory, and prints medians. Sockets and
views are left out.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import uvloop

from finalex.clock import now_ms
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.log.port import Log
from finalex.log.sqlite import SqliteLog
from finalex.model.commands import CancelAllOrders, Command, PlaceOrder
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.sources.exchange import ExchangeSource

CLIENTS = (1, 10, 100, 1000)
FUNDS = 10**16
CANCEL_SHARE = 0.05


class Cost(NamedTuple):
    """What one run measured; times are shares of the run's wall time."""

    orders_per_s: float
    group_size: float
    matching: float
    appending: float
    disk: float


class Stopwatch:
    """Adds up the time spent in a function."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return `function`, timed."""

        def timed(*arguments: object) -> object:
            start = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def next_command(user: str, rng: Random) -> Command:
    """Return an order near the middle of the market, or now and then a cancel of all."""
    if rng.random() < CANCEL_SHARE:
        return CancelAllOrders(user=user)
    side = rng.choice((Side.BUY, Side.SELL))
    price = 4_500_000 + rng.randint(-50, 50)
    quantity = rng.randint(1, 50) * 100_000
    return PlaceOrder(user=user, symbol="BTC/USDT", side=side, type=OrderType.LIMIT, quantity=quantity, price=price)


async def trade(source: ExchangeSource, user: str, rng: Random, counts: list[int], stopping: asyncio.Event) -> None:
    """Send one command after the other, each when the last is answered."""
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        answered: asyncio.Future[Outcome] = loop.create_future()
        source.submit(next_command(user, rng), answered.set_result)
        await answered
        counts[0] += 1
        await asyncio.sleep(0)


async def run(log: Log, clients: int, seconds: float) -> Cost:
    """Let that many clients trade for a while."""
    engine, matching, appending = Engine(ExchangeState(DEFAULT_INSTRUMENTS, 10**6)), Stopwatch(), Stopwatch()
    engine.execute = matching.around(engine.execute)  # type: ignore[method-assign, assignment]
    log.append = appending.around(log.append)  # type: ignore[method-assign, assignment]
    source = ExchangeSource(engine, log, now_ms, {"BTC": FUNDS, "USDT": FUNDS})
    counts, stopping, rng = [0], asyncio.Event(), Random(1)
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(trade(source, f"user-{number}", Random(rng.random()), counts, stopping))
        await asyncio.sleep(seconds)
        stopping.set()
    elapsed = time.perf_counter() - start
    written = log.counts if isinstance(log, SqliteLog) else None
    return Cost(
        orders_per_s=counts[0] / elapsed,
        group_size=written.batches / max(1, written.groups) if written else 1.0,
        matching=matching.seconds / elapsed,
        appending=appending.seconds / elapsed,
        disk=written.write_ns / 1e9 / elapsed if written else 0.0,
    )


async def measure(kind: str, clients: int, seconds: float, directory: Path) -> Cost:
    """Run once on a new log."""
    if kind == "memory":
        return await run(MemoryLog(), clients, seconds)
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        log = SqliteLog(Path(folder), asyncio.get_running_loop().call_soon_threadsafe)
        try:
            return await run(log, clients, seconds)
        finally:
            log.close()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="orders a second, durable and not")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="where the logs are (default: here)")
    options = parser.parse_args()
    measured: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(options.runs):
        for kind in ("disk", "memory"):
            for clients in CLIENTS:
                cost = uvloop.run(measure(kind, clients, options.seconds, options.directory))
                measured.setdefault((kind, clients), []).append(cost)
    print("| log | clients | orders/s | batches a sync | matching | appending | writing and syncing (a thread) |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for (kind, clients), costs in measured.items():
        median = Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))
        print(
            f"| {kind} | {clients} | {median.orders_per_s:,.0f} | {median.group_size:.1f} "
            f"| {median.matching:.0%} | {median.appending:.0%} | {median.disk:.0%} |"
        )


if __name__ == "__main__":
    main()
