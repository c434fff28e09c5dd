"""What durability costs: batches through the log on disk, with groups as they form under load.

`python -m bench.log` keeps a number of batches in flight, as so many clients do that wait for each reply before they
send the next order, and prints medians of several runs. A batch is what an order leaves that trades and then rests:
three events. The same without syncs, by turns, tells the share of the sync; it includes what the writer's thread
waits for its turn with the interpreter.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from finalex.log.disk import Disk
from finalex.log.records import encode_batch
from finalex.log.sqlite import SqliteLog
from finalex.model.events import AnyEvent, OrderAccepted, OrderRested, Traded
from finalex.model.orders import OrderType, Side, TimeInForce

WARM_UP_S = 0.2
ENCODINGS = 20_000


class Cost(NamedTuple):
    """What one run cost."""

    batches_per_s: float
    group_size: float
    reply_ms: float
    write_ms: float
    """The time for one group: packing, SQLite and its sync."""


class UnsyncedConnection(sqlite3.Connection):
    """A connection that does not wait for the disk."""

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        return super().executescript(script.replace("synchronous = FULL", "synchronous = OFF"))


class UnsyncedDisk(Disk):
    """A disk without syncs, for comparison."""

    connection_type = UnsyncedConnection


def events_of(number: int) -> list[AnyEvent]:
    """Return what happens when an order trades and the rest of it rests."""
    order: dict[str, Any] = {"symbol": "BTC/USDT", "side": Side.BUY, "price": 6_000_000, "time_ms": 1_700_000_000_000}
    return [
        OrderAccepted(
            order=number,
            user="alice",
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            post_only=False,
            quantity=150_000_000,
            locked=9_000_000_000_000,
            client_order_id=f"client-{number}",
            **order,
        ),
        Traded(
            trade=number,
            quantity=50_000_000,
            maker_order=number - 1,
            taker_order=number,
            maker="bob",
            taker="alice",
            maker_fee=2_400_000_000,
            taker_fee=50_000,
            **order,
        ),
        OrderRested(order=number, quantity=100_000_000, **order),
    ]


async def load(log: SqliteLog, in_flight: int, seconds: float) -> Cost:
    """Keep so many batches in flight for so long."""
    loop = asyncio.get_running_loop()
    stopped, waits_s = loop.create_future(), list[float]()
    end_s = [time.perf_counter() + WARM_UP_S + seconds]

    def place() -> None:
        began_s = time.perf_counter()
        batch = log.append(events_of(log.sequence + 1), 1_700_000_000_000)
        log.when_durable(batch.sequence, lambda durable: answered(began_s))

    def answered(began_s: float) -> None:
        now_s = time.perf_counter()
        waits_s.append(now_s - began_s)
        if now_s < end_s[0]:
            loop.call_soon(place)
        elif not stopped.done():
            stopped.set_result(None)

    for _ in range(in_flight):
        place()
    await asyncio.sleep(WARM_UP_S)
    waits_s.clear()
    counts = log.counts
    before = (time.perf_counter(), counts.batches, counts.groups, counts.write_ns)
    await stopped
    elapsed_s, batches, groups, write_ns = (
        late - early
        for early, late in zip(
            before, (time.perf_counter(), counts.batches, counts.groups, counts.write_ns), strict=True
        )
    )
    return Cost(batches / elapsed_s, batches / groups, 1e3 * statistics.median(waits_s), write_ns / groups / 1e6)


def measure(directory: Path, disk: Disk, in_flight: int, seconds: float) -> Cost:
    """Measure one new log."""

    async def run() -> Cost:
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            log = SqliteLog(Path(folder), asyncio.get_running_loop().call_soon_threadsafe, disk=disk)
            try:
                return await load(log, in_flight, seconds)
            finally:
                log.close()

    return asyncio.run(run())


def encode_us() -> float:
    """Return how long encoding one batch takes, on the event loop's thread."""
    batches = [events_of(number) for number in range(ENCODINGS)]
    began_s = time.perf_counter()
    for events in batches:
        encode_batch(1, events)
    return 1e6 * (time.perf_counter() - began_s) / ENCODINGS


def median(costs: list[Cost]) -> Cost:
    """Return the median of each column."""
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def print_costs(directory: Path, levels: list[int], runs: int, seconds: float) -> None:
    """Measure every level `runs` times, with and without syncs by turns, and print the medians."""
    synced: dict[int, list[Cost]] = {level: [] for level in levels}
    unsynced: dict[int, list[Cost]] = {level: [] for level in levels}
    for _ in range(runs):
        for level in levels:
            synced[level].append(measure(directory, Disk(), level, seconds))
            unsynced[level].append(measure(directory, UnsyncedDisk(), level, seconds))
    encoding_us = encode_us()
    print(
        "| in flight | batches/s | batches/group | reply ms | group ms | encode | write | sync | batches/s, no sync |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for level in levels:
        cost, bare = median(synced[level]), median(unsynced[level])
        groups_per_s = cost.batches_per_s / cost.group_size
        busy = groups_per_s * cost.write_ms / 1e3
        write = min(busy, groups_per_s * bare.write_ms / 1e3 * cost.group_size / bare.group_size)
        print(
            f"| {level} | {cost.batches_per_s:,.0f} | {cost.group_size:.1f} "
            f"| {cost.reply_ms:.2f} | {cost.write_ms:.2f} "
            f"| {encoding_us * cost.batches_per_s / 1e6:.1%} | {write:.1%} | {busy - write:.1%} "
            f"| {bare.batches_per_s:,.0f} |"
        )


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--in-flight", default="1,10,100,1000", help="numbers of batches in flight")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, interleaved (default: 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one run (default: 2)")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where: this disk counts")
    options = parser.parse_args()
    levels = [int(level) for level in options.in_flight.split(",")]
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}; encode, write and sync as shares of the time\n")
    print_costs(options.directory, levels, options.runs, options.seconds)


if __name__ == "__main__":
    main()
