"""The hop: how long an order book update takes from the append of its order to its receipt by a client."""

import json
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.cluster_processes import role_running
from bench.crowd.clients import QUIET_SYMBOL
from bench.crowd.observer import INTERVAL_S, PRICES, Listener
from bench.crowd.processes import Program
from bench.nats_processes import nats_running
from finalex.bus.server import dying_with_parent

LISTENERS = 20
WARM_UP_ORDERS = 50
SETTLE_S = 2.0


class Hop(NamedTuple):
    """A way from the log to a client; without servers it is within one process."""

    name: str
    servers: int


HOPS = (Hop("one process, SQLite", 0), Hop("NATS R1 and a gateway", 1), Hop("NATS R3 and a gateway", 3))


class Latencies(NamedTuple):
    """Milliseconds: of the append to a receipt, and of the order's sending to a receipt."""

    append_ms: list[float]
    order_ms: list[float]


class Trading:
    """A trader that places and cancels orders, each at a price of its own, and listeners that wait for them."""

    def __init__(self, port: int) -> None:
        self.sent_ns: dict[str, int] = {}
        self.received_ns: list[tuple[str, int]] = []
        self._trader = Listener(port, "trader")
        self._listeners = [Listener(port, f"listener-{number}") for number in range(LISTENERS)]
        for listener in self._listeners:
            listener.ask("subscribe", channel="orderbook", symbol=QUIET_SYMBOL, depth=20)
        self._poll = select.epoll()
        self._by_number = {each.end.fileno(): each for each in (self._trader, *self._listeners)}
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)
        self._turn = 0

    def run(self, seconds: float) -> None:
        """Trade for a while after a warm-up, and read what comes until nothing does."""
        self._go(WARM_UP_ORDERS * 2 * INTERVAL_S)
        self.sent_ns.clear()
        self.received_ns.clear()
        self._go(seconds)
        self._read(time.monotonic() + SETTLE_S)

    def _go(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            self._trade()
            self._read(time.monotonic() + INTERVAL_S)

    def _trade(self) -> None:
        number, self._turn = self._turn // 2, self._turn + 1
        price = PRICES[number % len(PRICES)]
        if self._turn % 2:
            order = {"symbol": QUIET_SYMBOL, "side": "buy", "type": "limit", "quantity": "10", "price": price}
            self.sent_ns[price] = time.monotonic_ns()
            self._trader.ask("place_order", **order, client_order_id=f"o{number}")
        else:
            self._trader.ask("cancel_order", client_order_id=f"o{number}")

    def _read(self, until_s: float) -> None:
        while (left_s := until_s - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left_s):
                now_ns = time.monotonic_ns()
                for payload in self._by_number[number].read():
                    message = json.loads(payload)
                    if message["type"] == "error":
                        raise SystemExit(f"an order was refused: {message['data']}")
                    if message["type"] == "orderbook_update" and message["data"]["action"] == "add":
                        self.received_ns.append((message["data"]["price"], now_ns))


def measure(hop: Hop, seconds: float, directory: Path) -> Latencies:
    """Trade over one way."""
    if seconds > len(PRICES) * INTERVAL_S:
        raise SystemExit(f"a run may last {len(PRICES) * INTERVAL_S:.0f} s at most: each price is used once")
    with tempfile.TemporaryDirectory(dir=directory) as folder, ExitStack() as stack:
        place, given = Path(folder), ["one"]
        if hop.servers:
            address = stack.enter_context(nats_running(place, hop.servers, "always")).address
            replicas = f"--nats-replicas={hop.servers}"
            given = ["engine", ",".join(address.servers), str(hop.servers)]
        writer = stack.enter_context(writer_running(*given))
        port = writer.hear()
        if hop.servers:
            flags = (replicas, "--source=exchange", "--demo-balances=true")
            port = stack.enter_context(role_running("gateway", place, "gateway", address, *flags)).port
        trading = Trading(port)
        trading.run(seconds)
        appended_ns: dict[str, int] = writer.ask("report")
    return Latencies(
        [(at_ns - appended_ns[price]) / 1e6 for price, at_ns in trading.received_ns if price in appended_ns],
        [(at_ns - trading.sent_ns[price]) / 1e6 for price, at_ns in trading.received_ns if price in trading.sent_ns],
    )


@contextmanager
def writer_running(*arguments: str) -> Iterator[Program]:
    """Run whoever writes the log; see `bench.cluster_writer`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.cluster_writer", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dying_with_parent(),
    )
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def print_hops(hops: tuple[Hop, ...], runs: int, seconds: float, directory: Path) -> None:
    """Measure every way, interleaved, and print percentiles over all runs."""
    measured: dict[Hop, list[Latencies]] = {hop: [] for hop in hops}
    for _ in range(runs):
        for hop, latencies in measured.items():
            latencies.append(measure(hop, seconds, directory))
    print("| from the log to the client | updates | append p50 | p90 | p99 | order p50 | p90 | p99 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for hop, latencies in measured.items():
        columns = [[ms for run in latencies for ms in run[part]] for part in range(2)]
        shown = " | ".join(f"{value:.2f} ms" for column in columns for value in percentiles(column))
        print(f"| {hop.name} | {len(columns[0]):,} | {shown} |", flush=True)


def percentiles(values_ms: list[float]) -> tuple[float, float, float]:
    """Return the median, the 90th and the 99th percentile."""
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return cuts[49], cuts[89], cuts[98]
