"""What an event costs: a recording at full speed through the whole server, with and without subscribers.

`python -m bench.replay` starts `finalex serve --source replay:… --speed max --loop` on core 0 for each number of
subscribers (which read on core 1), lets it run for a while, and prints medians of what the server's own
`/metrics` say. `--profile` prints instead where the time goes, as cProfile sees it, by room and by function.
"""

import argparse
import contextlib
import os
import platform
import pstats
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.listeners import listening

DATA = Path(os.environ.get("FINALEX_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
RECORDINGS = ("l2/binance_usdm_btcusdt_20240718.gz", "l2/binance_usdm_btcusdt_20240719.gz")
WARM_UP_S = 2.0
START_TIMEOUT_S = 30.0
ADMIN_PORT = 19_082


class Sample(NamedTuple):
    """The server's counts at one moment."""

    events: float
    deliveries: float
    bytes_sent: float
    cpu_s: float
    wall_s: float


class Cost(NamedTuple):
    """What happened between two samples."""

    events_per_s: float
    cpu_us_per_event: float
    deliveries_per_s: float
    cpu_us_per_delivery: float
    megabytes_per_s: float
    core_share: float


def cost(before: Sample, after: Sample) -> Cost:
    """Return the rates and the CPU (user and system) per event and per delivered message."""
    events, deliveries, sent, cpu_s, wall_s = (late - early for early, late in zip(before, after, strict=True))
    per_delivery = cpu_s * 1e6 / deliveries if deliveries else 0.0
    return Cost(
        events / wall_s, cpu_s * 1e6 / events, deliveries / wall_s, per_delivery, sent / wall_s / 1e6, cpu_s / wall_s
    )


def sample() -> Sample:
    """Read the server's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN_PORT}/metrics") as response:
        text = response.read().decode()
    values: defaultdict[str, float] = defaultdict(float)
    for name, value in re.findall(r"^(\w+)(?:{.*})? ([0-9.e+]+)$", text, re.MULTILINE):
        values[name] += float(value)  # what is counted by channel, altogether
    names = ("finalex_events_total", "finalex_deliveries_total", "finalex_bytes_sent_total")
    events, deliveries, sent, cpu_s = (values[name] for name in (*names, "process_cpu_seconds_total"))
    return Sample(events, deliveries, sent, cpu_s, time.perf_counter())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(*wrapper: str) -> Iterator[int]:
    """Run the server, pinned to core 0, and yield its port."""
    files = ",".join(str(DATA / name) for name in RECORDINGS)
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        arguments = [f"--source=replay:{files}", "--speed=max", "--loop", f"--port={port}", f"--data-dir={directory}"]
        limits = [
            f"--admin-port={ADMIN_PORT}",
            "--connections-per-ip=10000",
            f"--queue-bytes-max={1 << 28}",
            "--log-level=error",
        ]
        executable = str(Path(sys.executable).parent / "finalex")
        command = ["taskset", "-c", "0", sys.executable, *wrapper, executable, "serve", *arguments, *limits]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(port)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until_ready(port: int) -> None:
    """Return once the server answers; raises `TimeoutError`."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ready"):
            return
        time.sleep(0.1)
    raise TimeoutError("the server did not start")


def measure(subscribers: int, seconds: float) -> Cost:
    """Run one server with that many subscribers and return what it cost."""
    with serving() as port, listening(port, subscribers, core="1"):
        time.sleep(WARM_UP_S)
        before = sample()
        time.sleep(seconds)
        return cost(before, sample())


def print_costs(counts: list[int], runs: int, seconds: float) -> None:
    """Measure every number of subscribers `runs` times, interleaved, and print the medians."""
    measured: dict[int, list[Cost]] = {count: [] for count in counts}
    for _ in range(runs):
        for count in counts:
            measured[count].append(measure(count, seconds))
    print("| subscribers | events/s | CPU µs/event | deliveries/s | CPU µs/delivery | MB/s | share of a core |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count, costs in measured.items():
        median = Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))
        print(
            f"| {count} | {median.events_per_s:,.0f} | {median.cpu_us_per_event:.1f} "
            f"| {median.deliveries_per_s:,.0f} | {median.cpu_us_per_delivery:.3f} "
            f"| {median.megabytes_per_s:.0f} | {median.core_share:.2f} |"
        )


def print_profile(subscribers: int, seconds: float) -> None:
    """Print where a server with that many subscribers spends its time."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "profile")
        with serving("-m", "cProfile", "-o", path) as port, listening(port, subscribers, core="1"):
            time.sleep(seconds)
        print_rooms(pstats.Stats(path))


def print_rooms(stats: pstats.Stats) -> None:
    """Print the share of each room, and the 15 functions that take most time of their own."""
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    own = {key: row[2] for key, row in rows.items()}
    total = sum(own.values())
    rooms: Counter[str] = Counter()
    for (file, _, name), seconds in own.items():
        rooms[room_of(file, name)] += seconds  # type: ignore[assignment]
    for room, seconds in rooms.most_common(12):
        print(f"{seconds / total:7.1%}  {room}")
    print()
    for file, line, name in sorted(own, key=lambda key: -own[key])[:15]:
        place = file.partition("finalex/")[2] or Path(file).name
        print(f"{own[file, line, name] / total:7.1%}  {name} ({place}:{line})")


def room_of(file: str, name: str) -> str:
    """Return the part of the program that a profiled function belongs to."""
    if "/finalex/" in file:
        return file.rpartition("/finalex/")[2].partition("/")[0]
    return f"built in: {name.split(' of ')[-1].strip('<>')[:50]}" if file == "~" else f"library: {Path(file).stem}"


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subscribers", default="0,100", help="numbers of subscribers (default: 0,100)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, interleaved (default: 3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one run (default: 8)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    options = parser.parse_args()
    if not (DATA / RECORDINGS[0]).exists():
        sys.exit(f"the recordings are not in {DATA}: set FINALEX_TEST_DATA")
    counts = [int(count) for count in options.subscribers.split(",")]
    print(f"{RECORDINGS[0]} and on, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    if options.profile:
        for count in counts:
            print(f"## {count} subscribers\n")
            print_profile(count, options.seconds)
            print()
    else:
        print_costs(counts, options.runs, options.seconds)


if __name__ == "__main__":
    main()
