"""Healthy clients while others stop reading, and a soak: both at a fixed rate, and of our server alone."""

import re
import urllib.request
from typing import Any

from bench.fanout.ours import ADMIN_PORT, our_target
from bench.fanout.plan import Course, Server
from bench.fanout.run import RunError, run
from bench.fanout.workloads import ticks

MINUTE_S = 60.0
CHURN_SHARE = 0.2
PHASES = ("before", "during", "after")


def measure_slow(clients: int, share: float, slow_s: float, rate: float, around_s: float, *arguments: str) -> None:
    """Let a share of the clients stop reading for a while, and print how the others fared.

    `around_s` is measured before it and after it; `arguments` are for our server. Raises `RunError` if a healthy client
    lost, doubled or reordered a message, was closed, or was told that it lags.
    """
    from_s, to_s = around_s, around_s + slow_s
    course = Course(
        1.0, (from_s, to_s, to_s + around_s), rate=rate, special_share=share, slow_from_s=from_s, slow_to_s=to_s
    )
    workload = ticks(clients)
    counts: dict[str, float] = {}
    report = run(
        our_target(workload, *arguments), workload, course, afterwards=lambda server: counts.update(_counts(server))
    )
    slow = report["slow"]
    print(
        f"{clients - slow['clients']} healthy clients, {slow['clients']} that read nothing for {slow_s:g} s, ", end=""
    )
    print(f"{rate:g} ticks/s; no healthy client lost, doubled or reordered a message\n")
    print("| | p50 µs | p99 µs | p99.9 µs | max µs | RSS MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, phase in zip(PHASES, report["phases"], strict=True):
        print(f"| {name} {_cells(phase)}")
    closes = ", ".join(f"{count} closed with {code}" for code, count in slow["closes"].items()) or "none closed"
    print(f"\nOf the slow ones {slow['told']} have read that they lag; {closes}, {slow['open']} still open.")
    print("The server has counted: " + ", ".join(f"{name} {count:g}" for name, count in counts.items()))


def soak(clients: int, seconds: float, rate: float, churn_per_s: float) -> None:
    """Run for long, with clients that come and go all the time, and print memory and latency by the minute."""
    ends_s = [MINUTE_S * minute for minute in range(1, int(seconds / MINUTE_S) + 1)] or [seconds]
    course = Course(1.0, tuple(ends_s), rate=rate, special_share=CHURN_SHARE, churn_per_s=churn_per_s)
    workload = ticks(clients)
    print(f"{clients} clients, {rate:g} ticks/s, {churn_per_s:g} clients come anew each second\n")
    print("| minute | p50 µs | p99 µs | p99.9 µs | max µs | RSS MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    report = run(our_target(workload), workload, course, told=_print_minute)
    if not report["sustained"]:
        raise RunError(f"the server does not keep up with {rate:g} ticks a second")
    print(f"\n{report['messages']:,} messages in order, {report['reconnects']:,} reconnections")


def _counts(server: Server) -> dict[str, float]:
    """Return what the server itself counts of slow clients: the network may hold what it sent and nobody reads.

    Without the load generator's own departures, which are counted as 1006.
    """
    with urllib.request.urlopen(f"http://{server.host}:{ADMIN_PORT}/metrics") as response:
        text = response.read().decode()
    found = re.findall(r"^finalex_((?:lagging|closes|slow_connections|queue_bytes)\S*) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found if "1006" not in name}


def _print_minute(phase: dict[str, Any]) -> None:
    print(f"| {phase['phase'] + 1} {_cells(phase)}", flush=True)


def _cells(phase: dict[str, Any]) -> str:
    latencies = " ".join(f"| {phase['latency_us'][name]:,.0f}" for name in ("p50", "p99", "p99.9", "max"))
    return f"{latencies} | {phase['rss_bytes'] / 1e6:.0f} |"
