"""A whole cluster of real processes: three NATS servers, engines, gateways, and a line for each that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from nats.aio.client import Client

from cluster.faults.audit import Audit
from cluster.faults.lines import Line
from cluster.faults.roles import Role, held_port, until_ready
from cluster.faults.seen import Account
from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.channels.hub import Hub
from finalex.clock import now_ms
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.credentials.tokens import sign_token
from finalex.log.jetstream.stream import LogStream, StreamAwayError
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.snapshots.snapshot import restore
from support.nats_servers import NatsServers

NATS_SERVERS, ENGINES, GATEWAYS = 3, 3, 2
NAME = "faults"
SECRET = "of these tests alone, and no secret of anybody"
TOKEN_MS = 7 * 86_400_000
TAKEOVER_MS = 600
FLAGS = (
    "--source=exchange",
    f"--cluster-name={NAME}",
    f"--nats-replicas={NATS_SERVERS}",
    f"--takeover-ms={TAKEOVER_MS}",
    "--snapshot-interval-ms=2000",
    "--demo-amounts=USDT=10000000,BTC=1000",
    "--orders-per-second-max=0",
    "--open-orders-max=100000",
    "--connections-per-ip=1000",
    "--handshakes-per-minute-max=1000000",
    "--messages-per-minute-max=1000000",
    "--log-level=info",
)
READ_PAUSE_S = 0.1
QUIET_TIMEOUT_S = 30.0


class Cluster:
    """What runs. Engines and gateways reach NATS by lines of their own; `wires` has them by the role's name.

    The log is read all the time, so that nothing in it can be trimmed unseen.
    """

    def __init__(self, directory: Path, servers: NatsServers, client: Client, audit: Audit) -> None:
        self.servers = servers
        self.names = Names(NAME)
        self.client = client
        self.stream = LogStream(client, self.names)
        self.audit = audit
        self.engines: list[Role] = []
        self.gateways: list[Role] = []
        self.ports: list[int] = []
        self.wires: dict[str, list[Line]] = {}
        self.homes: list[Line] = []
        self._directory = directory
        self._read = 0
        self._news = asyncio.Event()
        self._writers: list[str] = []

    # --- who is who -------------------------------------------------------------------------------------

    async def leader(self) -> Role:
        """Return the engine that leads, as far as the log tells."""
        writer = (await self.stream.end()).writer
        return next(engine for engine in self.engines if writer.startswith(f"{engine.name}-"))

    def check(self) -> None:
        """Assert that no process has ended by itself."""
        for role in (*self.engines, *self.gateways):
            role.check()

    def lead_home(self) -> None:
        """Let every client be at the gateway that is its own."""
        for home in self.homes:
            home.lead_home()

    # --- starting ---------------------------------------------------------------------------------------

    async def start(self, stack: AsyncExitStack) -> None:
        """Start everything, and wait until the gateways are ready."""
        for number in range(ENGINES):
            engine = await self._role(stack, f"engine-{number}", "engine", "--port=0", "--admin-port=0")
            self.engines.append(engine)
        for number in range(GATEWAYS):
            port = stack.enter_context(held_port()).getsockname()[1]
            gateway = await self._role(stack, f"gateway-{number}", "gateway", f"--port={port}", "--admin-port=0")
            self.gateways.append(gateway)
            self.ports.append(port)
        for gateway, port in zip(self.gateways, self.ports, strict=True):
            await until_ready(gateway, port, *self.engines)

    async def account(self, stack: AsyncExitStack, user: str) -> Account:
        """Return an account whose client is at one gateway, and at another one while that is away."""
        first = len(self.homes) % GATEWAYS
        home = await stack.enter_async_context(Line([*self.ports[first:], *self.ports[:first]]))
        self.homes.append(home)
        grant = Grant(user=user, scopes=frozenset({"read", "trade"}), ttl_ms=TOKEN_MS)
        return Account(user, sign_token(Secret(SECRET), grant, now_ms()), f"ws://127.0.0.1:{home.port}")

    async def _role(self, stack: AsyncExitStack, name: str, kind: str, *flags: str) -> Role:
        wires = [await stack.enter_async_context(Line([port])) for port in self.servers.ports]
        data_dir = self._directory / name
        data_dir.mkdir(mode=0o700)
        servers = ",".join(f"nats://127.0.0.1:{wire.port}" for wire in wires)
        arguments = [kind, f"--nats={servers}", f"--node-name={name}", f"--data-dir={data_dir}", *flags, *FLAGS]
        role = Role(name, arguments, {"FINALEX_JWT_SECRET": SECRET}, self._directory)
        role.start()
        stack.callback(role.end)
        self.wires[name] = wires
        return role

    # --- the log ----------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Read the log until cancelled; asserts what the audit asserts, and that no writer comes back."""
        while True:
            try:
                found = await self.stream.read(self._read)
            except StreamAwayError:
                found = []
            for stored in found:
                assert stored.stream_sequence == self._read + 1, "the stream has a hole"
                self._read = stored.stream_sequence
                if [stored.writer] != self._writers[-1:]:
                    assert stored.writer not in self._writers, f"{stored.writer} has come back after another writer"
                    self._writers.append(stored.writer)
                self.audit.read(stored.batches)
                self._news.set()
            if not found:
                await asyncio.sleep(READ_PAUSE_S)

    async def settle(self) -> None:
        """Return when everything that is in the log now has been read."""
        end = await self.stream.end()
        async with asyncio.timeout(QUIET_TIMEOUT_S):
            while self._read < end.stream_sequence:
                self._news.clear()
                await self._news.wait()

    async def check_snapshot(self) -> None:
        """Assert that the newest snapshot and the log after it give the state that all of the log gives."""
        store, hub = SnapshotStore(self.client, self.names), Hub(DEFAULT_INSTRUMENTS)
        async with asyncio.timeout(QUIET_TIMEOUT_S):
            newest = await newest_of(store)
        restore(await store.read(newest), hub)
        after = await self.stream.place(hub.sequence)
        while after < self._read:
            for stored in await self.stream.read(after):
                after = stored.stream_sequence
                for batch in stored.batches:
                    if hub.sequence < batch.sequence <= self.audit.hub.sequence:
                        hub.apply(batch, ())
        self.audit.check_state(hub.state)


async def newest_of(store: SnapshotStore) -> int:
    """Return the newest snapshot's sequence; waits for the first."""
    while True:
        sequences = await store.sequences()
        if sequences:
            return sequences[0]
        await asyncio.sleep(READ_PAUSE_S)


@asynccontextmanager
async def running_cluster(directory: Path, users: list[str]) -> AsyncIterator[tuple[Cluster, list[Account]]]:
    """Run a cluster, and the addresses of the clients of `users`."""
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(NatsServers(directory, NATS_SERVERS))
        client = await connect(servers.address, "audit")
        stack.push_async_callback(client.close)
        cluster = Cluster(directory, servers, client, Audit(users))
        async with asyncio.TaskGroup() as group:
            following = group.create_task(cluster.follow())
            await cluster.start(stack)
            yield cluster, [await cluster.account(stack, user) for user in users]
            following.cancel()
