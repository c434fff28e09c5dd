"""Orders a second on a log on NATS JetStream, each durable before it is answered, beside the log on this disk.

`python -m bench.cluster_orders` runs an exchange in this process with 1, 10, 100 and 1,000 clients who each send the
next order when the last is answered (see `bench.orders`), on SQLite, and on JetStream with one server (R1) and three
(R3), each with `sync_interval: always`, which the files in `deploy` set, and with NATS's own two minutes. It prints
medians of interleaved runs: orders a second, how long an order waits for its answer, and how many batches one message
of the log has. Gateways and sockets are left out. Servers and exchange share this machine and its disk: three servers
on machines of their own are slower by the network and faster by two disks.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import uvloop

from bench.nats_processes import nats_running
from bench.orders import CLIENTS, FUNDS, next_command
from finalex.bus.address import BusAddress
from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.clock import now_ms
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.log import JetStreamLog
from finalex.log.jetstream.stream import End, LogStream
from finalex.log.sqlite import SqliteLog
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.exchange import ExchangeSource

WARM_UP_S = 0.5
LOG_BYTES_MAX = 1 << 30

AnyLog = SqliteLog | JetStreamLog


class Kind(NamedTuple):
    """A log: on this disk where it has no servers."""

    name: str
    servers: int = 0
    sync: str = ""


KINDS = (
    Kind("SQLite"),
    Kind("JetStream R1, sync always", 1, "always"),
    Kind("JetStream R1, sync 2m", 1, "2m"),
    Kind("JetStream R3, sync always", 3, "always"),
    Kind("JetStream R3, sync 2m", 3, "2m"),
)


class Cost(NamedTuple):
    """What one run measured."""

    orders_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    group_size: float


class Submitters:
    """Clients that each send one order after the other; `waits_s` has how long each waited since `reset`."""

    def __init__(self, source: ExchangeSource) -> None:
        self.waits_s: list[float] = []
        self._source = source
        self._stopping = asyncio.Event()

    async def run(self, count: int, seconds: float, reset: Callable[[], None]) -> float:
        """Let so many trade for so long, after a warm-up, and return how long that was."""
        rng = Random(1)
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._trade(f"user-{number}", Random(rng.random())))
            await asyncio.sleep(WARM_UP_S)
            self.waits_s.clear()
            reset()
            began_s = time.perf_counter()
            await asyncio.sleep(seconds)
            elapsed_s = time.perf_counter() - began_s
            self._stopping.set()
        return elapsed_s

    async def _trade(self, user: str, rng: Random) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            answered: asyncio.Future[Outcome] = loop.create_future()
            began_s = time.perf_counter()
            self._source.submit(next_command(user, rng), answered.set_result)
            await answered
            self.waits_s.append(time.perf_counter() - began_s)
            await asyncio.sleep(0)


async def measure(log: AnyLog, clients: int, seconds: float) -> Cost:
    """Let that many clients trade on a new log."""
    source = ExchangeSource(
        Engine(ExchangeState(DEFAULT_INSTRUMENTS, 10**6)), log, now_ms, {"BTC": FUNDS, "USDT": FUNDS}
    )
    submitters, before = Submitters(source), [0, 0]

    def reset() -> None:
        before[:] = log.counts.batches, log.counts.groups

    elapsed_s = await submitters.run(clients, seconds, reset)
    waits_ms = sorted(1000 * wait_s for wait_s in submitters.waits_s)
    groups = log.counts.groups - before[1]
    return Cost(
        orders_per_s=len(waits_ms) / elapsed_s,
        p50_ms=share(waits_ms, 0.5),
        p99_ms=share(waits_ms, 0.99),
        max_ms=share(waits_ms, 1),
        group_size=(log.counts.batches - before[0]) / max(1, groups),
    )


def share(values: list[float], part: float) -> float:
    """Return the value below which that part of the sorted `values` is."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0.0


@asynccontextmanager
async def jetstream_log(address: BusAddress, names: Names, servers: int) -> AsyncIterator[JetStreamLog]:
    """Yield a new log, and delete its stream in the end."""
    client = await connect(address, "bench")
    try:
        await LogStream(client, names).prepare(servers, LOG_BYTES_MAX)
        log = JetStreamLog(
            address, names, writer="bench-1", after=End(), call_soon=asyncio.get_running_loop().call_soon_threadsafe
        )
        try:
            yield log
        finally:
            log.close()
            with suppress(Exception):
                await client.jetstream().delete_stream(names.log_stream)
    finally:
        await client.close()


@asynccontextmanager
async def sqlite_log(directory: Path) -> AsyncIterator[SqliteLog]:
    """Yield a new log in a directory of its own."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        log = SqliteLog(Path(folder), asyncio.get_running_loop().call_soon_threadsafe)
        try:
            yield log
        finally:
            log.close()


async def measure_all(kind: Kind, address: BusAddress | None, options: argparse.Namespace) -> dict[int, Cost]:
    """Run once for each number of clients, each time on a new log."""
    costs: dict[int, Cost] = {}
    for clients in options.clients:
        opened = (
            sqlite_log(options.directory)
            if address is None
            else jetstream_log(address, Names(f"bench{clients}"), kind.servers)
        )
        async with opened as log:
            costs[clients] = await measure(log, clients, options.seconds)
    return costs


@contextmanager
def servers_of(kind: Kind, directory: Path) -> Iterator[BusAddress | None]:
    """Run what a kind of log needs."""
    if not kind.servers:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(dir=directory) as folder,
        nats_running(Path(folder), kind.servers, kind.sync) as running,
    ):
        yield running.address


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="orders a second, durable on JetStream")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=lambda text: [int(part) for part in text.split(",")], default=list(CLIENTS))
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="where the logs are (default: here)")
    options = parser.parse_args()
    measured: dict[tuple[Kind, int], list[Cost]] = {}
    for _ in range(options.runs):
        for kind in KINDS:
            with servers_of(kind, options.directory) as address:
                for clients, cost in uvloop.run(measure_all(kind, address, options)).items():
                    measured.setdefault((kind, clients), []).append(cost)
    print("| log | clients | orders/s | p50 ms | p99 ms | max ms | batches a message |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for (kind, clients), costs in measured.items():
        median = Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))
        print(
            f"| {kind.name} | {clients:,} | {median.orders_per_s:,.0f} | {median.p50_ms:.2f} | {median.p99_ms:.2f} "
            f"| {median.max_ms:.1f} | {median.group_size:.1f} |"
        )


if __name__ == "__main__":
    main()
