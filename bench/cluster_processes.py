"""The processes of a cluster in a benchmark, and what they and the system say of their work."""

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.crowd.wire import SECRET
from bench.nats_processes import free_ports
from bench.replay import wait_until_ready
from finalex.bus.address import BusAddress
from finalex.bus.server import dying_with_parent

STOP_TIMEOUT_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

WIDE = (
    "--connections-per-ip=1000000",
    "--connections-per-account=0",
    "--handshakes-per-minute-max=1000000",
    "--messages-per-minute-max=1000000",
    "--bytes-per-minute-max=1099511627776",
    "--bytes-per-minute-per-ip-max=1099511627776",
    "--bytes-per-minute-of-all-max=1099511627776",
    "--orders-per-second-max=0",
    "--log-level=error",
)
"""Limits that nobody meets: all clients of a benchmark have one address."""


class Role(NamedTuple):
    """An engine or a gateway that runs; `port` is 0 for an engine."""

    port: int
    admin_port: int


class Counters(NamedTuple):
    """What a process has done so far."""

    events: float
    deliveries: float
    cpu_s: float


@contextlib.contextmanager
def role_running(kind: str, directory: Path, name: str, address: BusAddress, *flags: str) -> Iterator[Role]:
    """Run `finalex engine` or `finalex gateway` until the block ends; entering waits until it is ready."""
    port, admin_port = free_ports(2)
    data_dir = directory / name
    data_dir.mkdir(mode=0o700)
    places = [f"--port={port}", f"--admin-port={admin_port}", f"--data-dir={data_dir}", f"--node-name={name}"]
    command = [
        str(Path(sys.executable).parent / "finalex"),
        kind,
        f"--nats={','.join(address.servers)}",
        *places,
        *WIDE,
        *flags,
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "FINALEX_JWT_SECRET": SECRET.reveal()},
        stdout=subprocess.DEVNULL,
        preexec_fn=dying_with_parent(),
    )
    try:
        wait_until_ready(admin_port)
        yield Role(port if kind == "gateway" else 0, admin_port)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def counters_of(role: Role) -> Counters:
    """Return what the role's own metrics say."""
    with urllib.request.urlopen(f"http://127.0.0.1:{role.admin_port}/metrics") as response:
        text = response.read().decode()
    values: defaultdict[str, float] = defaultdict(float)
    for name, value in re.findall(r"^(\w+)(?:{.*})? ([0-9.e+]+)$", text, re.MULTILINE):
        values[name] += float(value)
    names = ("finalex_events_total", "finalex_deliveries_total", "process_cpu_seconds_total")
    return Counters(*(values[name] for name in names))


def cpu_s(processes: list[int]) -> float:
    """Return the CPU time of processes, user and system."""
    total = 0.0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return total


def wait_s(seconds: float) -> float:
    """Wait, and return how long it really was."""
    began_s = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began_s
