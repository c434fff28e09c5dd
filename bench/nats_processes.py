"""NATS servers of a benchmark: one or three that form a cluster, with or without a sync of every message."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from finalex.bus.address import BusAddress
from finalex.bus.server import dying_with_parent, find_server

START_TIMEOUT_S = 60.0
POLL_S = 0.05

SYNC_INTERVALS = {"always": "always", "2m": '"2m"'}
"""What `sync_interval` can be here; two minutes are what NATS does unless told otherwise."""


class Ports(NamedTuple):
    """Where one server listens: for clients, for the others, and for who watches it."""

    clients: int
    routes: int
    monitor: int


class Running(NamedTuple):
    """Servers that run."""

    address: BusAddress
    processes: list[int]


@contextlib.contextmanager
def nats_running(directory: Path, count: int, sync: str) -> Iterator[Running]:
    """Run `count` servers that store in `directory`; `sync` is a key of `SYNC_INTERVALS`."""
    ports = [Ports(*free_ports(3)) for _ in range(count)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, own in enumerate(ports):
            path = directory / f"n{number}.conf"
            path.write_text(configuration(directory / f"n{number}", number, own, ports, sync))
            processes.append(
                subprocess.Popen(
                    [find_server(), "-c", str(path)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    preexec_fn=dying_with_parent(),
                )
            )
        for own in ports:
            wait_until_ready(own, clustered=count > 1)
        address = BusAddress(servers=tuple(f"nats://127.0.0.1:{own.clients}" for own in ports))
        yield Running(address, [process.pid for process in processes])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def configuration(store: Path, number: int, own: Ports, ports: list[Ports], sync: str) -> str:
    """Return a server's configuration."""
    routes = ", ".join(f'"nats://127.0.0.1:{each.routes}"' for each in ports)
    cluster = f'cluster {{ name: bench, listen: "127.0.0.1:{own.routes}", routes: [{routes}] }}\n'
    return (
        f"server_name: n{number}\n"
        f'listen: "127.0.0.1:{own.clients}"\n'
        f'http: "127.0.0.1:{own.monitor}"\n'
        "max_payload: 8MB\n"
        f'jetstream {{ store_dir: "{store}", sync_interval: {SYNC_INTERVALS[sync]} }}\n'
        f"{cluster if len(ports) > 1 else ''}"
    )


def wait_until_ready(ports: Ports, *, clustered: bool) -> None:
    """Return once the server stores streams, in a cluster that has a leader; raises `TimeoutError`."""
    ends_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends_s:
        with contextlib.suppress(urllib.error.URLError, OSError, KeyError):
            healthy = _ask(ports, "healthz").get("status") == "ok"
            if healthy and (not clustered or _ask(ports, "jsz")["meta_cluster"].get("leader")):
                return
        time.sleep(POLL_S)
    raise TimeoutError("nats-server does not start")


def _ask(ports: Ports, what: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ports.monitor}/{what}", timeout=2) as answer:
        read: dict[str, Any] = json.loads(answer.read())
    return read


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
