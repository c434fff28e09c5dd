"""What a second process between the engine and the clients costs, and what more of them bring.

`python -m bench.cluster_fanout` starts NATS (with `sync_interval: always`), an engine whose simulated traders make the
same market every time, and 1 to 4 gateways, over which the same number of subscribers is spread (each on ticker,
trades, book and candles of one market). It prints deliveries a second, the gateways' CPU for each, and the share of a
core that each part takes. Then it measures the hop: a trader's orders, from their append to the log to their receipt by
a listener, in one process and by way of NATS and a gateway, with one server and with three. All of it is on this
machine: where it has no more cores than processes, they wait for each other.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.cluster_hop import HOPS, print_hops
from bench.cluster_processes import counters_of, cpu_s, role_running, wait_s
from bench.listeners import listening
from bench.nats_processes import nats_running

WARM_UP_S = 3.0


class Cost(NamedTuple):
    """What one run measured; shares are of one core."""

    events_per_s: float
    deliveries_per_s: float
    cpu_us_per_delivery: float
    cpu_us_per_event: float
    """Of one gateway; without subscribers it is what an event costs each of them."""
    gateways: float
    engine: float
    nats: float


def measure(gateways: int, subscribers: int, seconds: float, directory: Path) -> Cost:
    """Run a cluster with that many gateways and, over all of them, subscribers."""
    with tempfile.TemporaryDirectory(dir=directory) as folder, ExitStack() as stack:
        place = Path(folder)
        servers = stack.enter_context(nats_running(place, 1, "always"))
        common = (servers.address, "--nats-replicas=1", "--source=simulate", "--history-hours=0")
        engine = stack.enter_context(role_running("engine", place, "engine", *common))
        roles = [
            stack.enter_context(role_running("gateway", place, f"gateway-{number}", *common))
            for number in range(gateways)
        ]
        for number, role in enumerate(roles):
            stack.enter_context(listening(role.port, (subscribers + number) // gateways))
        wait_s(WARM_UP_S)
        before = [counters_of(role) for role in (engine, *roles)], cpu_s(servers.processes)
        elapsed_s = wait_s(seconds)
        after = [counters_of(role) for role in (engine, *roles)], cpu_s(servers.processes)
    engine_s, *gateways_s = (late.cpu_s - early.cpu_s for early, late in zip(before[0], after[0], strict=True))
    deliveries = sum(late.deliveries - early.deliveries for early, late in zip(before[0], after[0], strict=True))
    events = after[0][1].events - before[0][1].events
    return Cost(
        events_per_s=events / elapsed_s,
        deliveries_per_s=deliveries / elapsed_s,
        cpu_us_per_delivery=1e6 * sum(gateways_s) / max(1.0, deliveries),
        cpu_us_per_event=1e6 * sum(gateways_s) / gateways / max(1.0, events),
        gateways=sum(gateways_s) / elapsed_s,
        engine=engine_s / elapsed_s,
        nats=(after[1] - before[1]) / elapsed_s,
    )


def print_costs(options: argparse.Namespace) -> None:
    """Measure every number of gateways, interleaved, and print the medians."""
    measured: dict[int, list[Cost]] = {count: [] for count in options.gateways}
    for _ in range(options.runs):
        for count, costs in measured.items():
            costs.append(measure(count, options.subscribers, options.seconds, options.directory))
    print("| gateways | events/s | deliveries/s | CPU µs/delivery | µs/event, each | cores: gateways | engine | NATS |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count, costs in measured.items():
        median = Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))
        rates = f"{median.events_per_s:,.0f} | {median.deliveries_per_s:,.0f}"
        costs_us = f"{median.cpu_us_per_delivery:.2f} | {median.cpu_us_per_event:.0f}"
        shares = f"{median.gateways:.2f} | {median.engine:.2f} | {median.nats:.2f}"
        print(f"| {count} | {rates} | {costs_us} | {shares} |", flush=True)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="1 to N gateways, and the hop between engine and client")
    parser.add_argument("--gateways", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3, 4])
    parser.add_argument("--subscribers", type=int, default=400, help="over all gateways (default: 400)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, interleaved (default: 3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one run (default: 8)")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="where NATS stores (default: here)")
    parser.add_argument("--only", choices=("gateways", "hop"), help="one of the two alone")
    options = parser.parse_args()
    if options.only != "hop":
        print_costs(options)
        print()
    if options.only != "gateways":
        print_hops(HOPS, options.runs, options.seconds, options.directory)


if __name__ == "__main__":
    main()
