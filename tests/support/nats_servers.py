"""Real NATS servers on this machine, one or three that form a cluster, which tests kill, pause and start again."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from finalex.bus.address import BusAddress
from finalex.bus.server import ServerMissingError, dying_with_parent, find_server

READY_TIMEOUT_S = 60.0
"""How long servers may take until they can be used; only a failing test waits so long."""
POLL_S = 0.02
HTTP_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 10.0
MAX_PAYLOAD_BYTES = 8 << 20


class NatsServers:
    """`count` servers with JetStream in `directory`, numbered from 0; `with` starts them and ends them.

    Each keeps its ports as long as this object lives, so clients find a server again that was killed and restarted.
    All die with this process, paused ones too. Start them in the main thread: they die with the thread as well.
    What waits for servers is blocking; `asyncio.to_thread` may run the `wait_until_…` methods.
    """

    def __init__(self, directory: Path, count: int = 1, *, extra: str = "") -> None:
        """`extra` is put into every server's configuration: users, TLS."""
        self.directory = directory
        self._extra = extra
        self._binary = find_server()
        self._held = [_held_port() for _ in range(3 * count)]
        ports = [held.getsockname()[1] for held in self._held]
        self.ports, self._routes, self._monitors = ports[:count], ports[count : 2 * count], ports[2 * count :]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count

    # --- where they are ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many servers there are, running or not."""
        return len(self.ports)

    @property
    def urls(self) -> tuple[str, ...]:
        """Every server's address."""
        return tuple(f"nats://127.0.0.1:{port}" for port in self.ports)

    @property
    def address(self) -> BusAddress:
        """The address of all of them."""
        return BusAddress(servers=self.urls)

    def name(self, node: int) -> str:
        """Return what the server is called in the cluster."""
        return f"n{node}"

    def pid(self, node: int) -> int:
        """Return the server's process id."""
        return self._process(node).pid

    # --- starting and ending ----------------------------------------------------------------------------

    def __enter__(self) -> "NatsServers":
        try:
            for node in range(self.count):
                self.start(node, wait=False)
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, node: int, *, wait: bool = True) -> None:
        """Start a server that does not run, with what it has stored."""
        assert self._processes[node] is None
        with (self.directory / f"n{node}.log").open("ab") as log:
            self._processes[node] = subprocess.Popen(
                [self._binary, "-c", self._written(node)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with_parent(),
            )
        if wait:
            self.wait_until_ready(node)

    def kill(self, node: int) -> None:
        """End a server with SIGKILL: what it has not synced may be lost only if the machine died, too."""
        process = self._process(node)
        process.kill()
        process.wait()
        self._processes[node] = None

    def terminate(self, node: int) -> None:
        """End a server as its operator does."""
        process = self._process(node)
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        self._processes[node] = None

    def pause(self, node: int) -> None:
        """Stop a server where it is (SIGSTOP): its connections stay, and nothing answers."""
        self._process(node).send_signal(signal.SIGSTOP)

    def resume(self, node: int) -> None:
        """Let a paused server go on."""
        self._process(node).send_signal(signal.SIGCONT)

    def restart(self, node: int, *, wait: bool = True) -> None:
        """Kill a server if it runs, and start it again with what it has stored."""
        if self._processes[node] is not None:
            self.kill(node)
        self.start(node, wait=wait)

    def stop(self) -> None:
        """End all servers at once."""
        for node, process in enumerate(self._processes):
            if process is not None:
                self.kill(node)
        for held in self._held:
            held.close()

    # --- what they know ---------------------------------------------------------------------------------

    def wait_until_ready(self, *nodes: int) -> None:
        """Wait until these servers, or all, serve JetStream in a cluster with a leader."""
        for node in nodes or range(self.count):
            self._wait(f"NATS server {node} is not ready", partial(self.ready, node), node)

    def ready(self, node: int) -> bool:
        """Tell whether the server has a place in a cluster with a leader, and has caught up."""
        try:
            if self._ask(node, "healthz").get("status") != "ok":
                return False
            return self.count == 1 or bool(self._ask(node, "jsz")["meta_cluster"].get("leader"))
        except (OSError, KeyError):
            return False

    def leader_of(self, stream: str) -> int:
        """Return the server that leads a stream, or an object store or bucket by its stream's name; waits for one."""
        leaders: list[int] = []

        def known() -> bool:
            leaders[:] = [node for node in range(self.count) if self._leads(node, stream)]
            return len(leaders) == 1

        self._wait(f"stream {stream} has no leader", known)
        return leaders[0]

    def wait_until_in_sync(self, stream: str) -> None:
        """Wait until every running replica of a stream has all that its leader has."""
        self._wait(f"stream {stream} is not in sync", lambda: self._in_sync(stream))

    def meta_leader(self) -> int:
        """Return the server that leads the cluster itself: makes streams, chooses their servers."""
        found: list[str] = []

        def known() -> bool:
            found[:] = [
                str(self._ask(node, "jsz").get("meta_cluster", {}).get("leader", ""))
                for node, process in enumerate(self._processes)
                if process is not None
            ]
            return len(set(found)) == 1 and bool(found[0])

        self._wait("the cluster has no leader", known)
        return [self.name(node) for node in range(self.count)].index(found[0])

    # --- below ------------------------------------------------------------------------------------------

    def _leads(self, node: int, stream: str) -> bool:
        detail = self._stream(node, stream)
        if detail is None:
            return False
        return self.count == 1 or detail.get("cluster", {}).get("leader") == self.name(node)

    def _in_sync(self, stream: str) -> bool:
        detail = self._stream(self.leader_of(stream), stream) or {}
        replicas = detail.get("cluster", {}).get("replicas", [])
        return all(replica["current"] or replica.get("offline") for replica in replicas)

    def _stream(self, node: int, stream: str) -> dict[str, Any] | None:
        if self._processes[node] is None:
            return None
        with suppress(OSError):
            accounts = self._ask(node, "jsz?accounts=true&streams=true").get("account_details", [])
            details = [found for account in accounts for found in account.get("stream_detail", [])]
            return next((found for found in details if found["name"] == stream), None)
        return None

    def _ask(self, node: int, what: str) -> dict[str, Any]:
        try:
            with urlopen(f"http://127.0.0.1:{self._monitors[node]}/{what}", timeout=HTTP_TIMEOUT_S) as answer:
                read: dict[str, Any] = json.loads(answer.read())
        except URLError as error:
            raise OSError(str(error)) from None
        return read

    def _wait(self, otherwise: str, done: Callable[[], bool], node: int | None = None) -> None:
        ends = time.monotonic() + READY_TIMEOUT_S
        while not done():
            ended = node is not None and self._process(node).poll() is not None
            if ended or time.monotonic() > ends:
                raise AssertionError(f"{otherwise}:\n{self._logs(node)}")
            time.sleep(POLL_S)

    def _logs(self, node: int | None) -> str:
        nodes = range(self.count) if node is None else [node]
        return "\n".join((self.directory / f"n{each}.log").read_text()[-3000:] for each in nodes)

    def _process(self, node: int) -> subprocess.Popen[bytes]:
        process = self._processes[node]
        assert process is not None, f"NATS server {node} does not run"
        return process

    def _written(self, node: int) -> Path:
        path = self.directory / f"n{node}.conf"
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        quiet = "no_advertise: true"  # clients know the addresses that they were given, and no way around a proxy
        cluster = f'cluster {{ name: test, listen: "127.0.0.1:{self._routes[node]}", routes: [{routes}], {quiet} }}\n'
        path.write_text(
            f"server_name: {self.name(node)}\n"
            f'listen: "127.0.0.1:{self.ports[node]}"\n'
            f'http: "127.0.0.1:{self._monitors[node]}"\n'
            f"max_payload: {MAX_PAYLOAD_BYTES}\n"
            f'jetstream {{ store_dir: "{self.directory / f"n{node}"}", sync_interval: always }}\n'
            f"{cluster if self.count > 1 else ''}{self._extra}\n"
        )
        return path


@contextmanager
def nats_servers(directory: Path, count: int = 1, *, extra: str = "") -> Iterator[NatsServers]:
    """Run servers while the block lasts; skips the test where there is no nats-server."""
    skip_without_nats()
    with NatsServers(directory, count, extra=extra) as servers:
        yield servers


def skip_without_nats() -> None:
    """Skip the test if this machine has no nats-server."""
    try:
        find_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def one_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServers]:
    """One server for all tests of a module, which imports this fixture; each test takes a cluster name of its own."""
    with nats_servers(tmp_path_factory.mktemp("nats")) as servers:
        yield servers


@pytest.fixture(scope="module")
def three_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServers]:
    """Three servers for all tests of a module; a test that kills one starts it again."""
    with nats_servers(tmp_path_factory.mktemp("nats"), 3) as servers:
        yield servers


async def restarted(servers: NatsServers, node: int) -> None:
    """Restart a server while the loop goes on."""
    servers.restart(node, wait=False)
    await asyncio.to_thread(servers.wait_until_ready, node)


def _held_port() -> socket:
    """Return a socket that keeps a free port for whoever listens there with SO_REUSEADDR, as NATS does."""
    held = socket()
    held.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held
