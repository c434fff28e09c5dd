"""The fan-out benchmark: our server beside others and a floor in C, in one table; see README.md beside this file.

`python -m bench.fanout` installs the peers, runs everything interleaved, prints the tables, and writes plots and
results into `docs/`. `--quick` only shows that all of it works. `--slow` and `--soak` are of our server alone.
"""

import argparse
import signal
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.fanout.build import BuildError, build
from bench.fanout.machine import describe_machine
from bench.fanout.ours import NAME, our_target
from bench.fanout.peers import peer_targets
from bench.fanout.peers.install import install_peers
from bench.fanout.plan import Course
from bench.fanout.report import DOCS, Report
from bench.fanout.result import Mode, Result
from bench.fanout.run import RunError, result_of, run
from bench.fanout.slow import measure_slow, soak
from bench.fanout.target import Target
from bench.fanout.workloads import WORKLOADS

FLOOR = "C floor"
FLOOR_SINGLE = "C, one send a message"
WARM_UP_S = 0.2
FIXED_SHARE = 0.5
"""Latency is measured at this share of the ticks a second that our server does when it is saturated."""

FIXED_RATE_DEFAULT = 50.0

ONCE_FACTOR = 3
"""What is measured only once is measured for so much longer."""


@dataclass(frozen=True)
class Cell:
    """One comparison: a workload, how many clients, and how it is run."""

    workload: str
    clients: int
    mode: Mode


@dataclass
class Measured:
    """What was measured so far, and what could not be."""

    results: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def half_rate(self, clients: int) -> float:
        """Return the ticks a second at which latency is measured."""
        wanted = (NAME, "ticks", clients, "saturated")
        found = [r for r in self.results if (r.target, r.workload, r.clients, r.mode) == wanted]
        if not found:
            return FIXED_RATE_DEFAULT
        return FIXED_SHARE * statistics.median(result.ticks / result.seconds for result in found)


def cells(options: argparse.Namespace, round_number: int) -> Iterator[Cell]:
    """Yield what one round compares: each workload with the number of clients in the middle, and the rest once."""
    main, first = options.clients[len(options.clients) // 2], round_number == 0
    for name in WORKLOADS:
        for clients in options.clients:
            if clients == main or (first and name != "mixed"):
                yield Cell(name, clients, "saturated")
    if first:
        yield Cell("ticks", main, "fixed")
        yield Cell("ticks", main, "user_space")


def targets() -> list[Target]:
    """Return all servers but ours."""
    floor = str(build("floor"))
    note = "epoll, one thread, no more than this benchmark needs"
    return [
        Target(FLOOR, (floor, "joined"), note=f"{note}: one send of the joined frames for each connection and tick"),
        Target(FLOOR_SINGLE, (floor, "single"), note=f"{note}: one send for each message and connection"),
        *peer_targets(),
    ]


def measure(cell: Cell, others: Sequence[Target], measured: Measured, seconds: float, window: int) -> None:
    """Run every server once."""
    workload = WORKLOADS[cell.workload](cell.clients)
    rate = measured.half_rate(cell.clients) if cell.mode == "fixed" else 0.0
    seconds *= 1 if cell.mode == "saturated" else ONCE_FACTOR
    course = Course(WARM_UP_S, (seconds,), rate=rate, window=window)
    for target in (our_target(workload), *others):
        silent = cell.mode == "user_space"
        if cell.clients > target.clients_max or (silent and not target.user_space):
            continue
        what = f"{target.name}: {cell.workload}, {cell.clients:,} clients, {cell.mode}"
        try:
            report = run(target, workload, course, silent=silent)
            result = result_of(report, target, workload, rate)
        except RunError as error:
            measured.failures.append(f"{what}: {error}.")
            print(f"{what}: {error}", file=sys.stderr, flush=True)
            continue
        measured.results.append(result)
        cost_us = result.user_us if silent else result.cpu_us
        print(f"{what}: {cost_us:.3f} µs", file=sys.stderr, flush=True)


def compare(options: argparse.Namespace) -> int:
    """Compare all servers, print and save the report; return the exit code of the process."""
    left_out = [] if options.no_install else install_peers()
    others = [target for target in targets() if not options.servers or target.name in options.servers]
    measured = Measured()
    for round_number in range(options.runs):
        for cell in cells(options, round_number):
            measure(cell, others, measured, options.seconds, options.window)
    notes = {target.name: target.note for target in (our_target(WORKLOADS["ticks"](1)), *others)}
    report = Report(describe_machine(), notes, [*left_out, *measured.failures], measured.results, FLOOR, NAME)
    print(report.markdown())
    if not options.quick:
        report.save(options.output)
    return 1 if any(failure.startswith((NAME, FLOOR)) for failure in measured.failures) else 0


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description="the fan-out benchmark")
    parser.add_argument("--quick", action="store_true", help="100 clients, once, half a second, nothing saved")
    parser.add_argument("--runs", type=int, default=3, help="interleaved rounds (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.8, help="length of one run (default: 0.8)")
    parser.add_argument("--clients", default="100,1000,5000", help="how many; the one in the middle in every round")
    parser.add_argument("--window", type=int, default=1, help="ticks in flight when saturated (default: 1)")
    parser.add_argument("--servers", default="", help="names of the servers beside ours, by commas (default: all)")
    parser.add_argument("--no-install", action="store_true", help="compare with the peers that are installed already")
    parser.add_argument("--output", type=Path, default=DOCS, help="where plots and results go (default: docs)")
    parser.add_argument("--slow", type=float, help="let this share of the clients stop reading for a while instead")
    parser.add_argument("--slow-seconds", type=float, default=60.0, help="for how long (default: 60)")
    parser.add_argument("--around-seconds", type=float, default=20.0, help="before and after it (default: 20)")
    parser.add_argument("--serve", default="", help="arguments of our server with --slow (ours.py has them)")
    parser.add_argument("--soak", type=float, help="run at a fixed rate, with churn, for so many seconds instead")
    parser.add_argument("--churn", type=float, default=20.0, help="clients that come anew each second (default: 20)")
    parser.add_argument("--rate", type=float, default=FIXED_RATE_DEFAULT, help="ticks a second of --slow and --soak")
    options = parser.parse_args()
    if options.quick:
        options.clients, options.runs, options.seconds = "100", 1, 0.5
    options.clients = sorted(int(count) for count in options.clients.split(","))
    options.servers = [name for name in options.servers.split(",") if name]
    return options


def main() -> int:
    """Run what the arguments ask for."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped, too
    main_clients = options.clients[len(options.clients) // 2]
    try:
        if options.slow:
            times = (options.slow_seconds, options.rate, options.around_seconds)
            measure_slow(main_clients, options.slow, *times, *options.serve.split())
        elif options.soak:
            soak(main_clients, options.soak, options.rate, options.churn)
        else:
            return compare(options)
    except (BuildError, RunError) as error:
        print(f"bench.fanout: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
