"""Engines of one cluster in this process, and somebody who sends them commands as a gateway does."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from finalex.bus.connection import connect
from finalex.clock import now_ms
from finalex.cluster.leading import Leading
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.cluster.standby import apply_batch
from finalex.cluster.wire import (
    CommandBatch,
    OpenAccount,
    OutcomeBatch,
    SentCommand,
    decode_outcomes,
    encode_commands,
)
from finalex.config import Config, load_config
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.stream import LogStream
from finalex.model.commands import Command, PlaceOrder
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.roles.engine import EngineRole, RunningEngine, engine_running
from log.jetstream.written import until
from support.nats_servers import NatsServers

DEADLINE_MS = 60_000
CLUSTERS = (f"engines-{number}" for number in itertools.count())


def order(user: str, side: Side, price: str, quantity: str = "0.01", client_order_id: str | None = None) -> PlaceOrder:
    """Return the command for a limit order in BTC/USDT."""
    instrument = DEFAULT_INSTRUMENTS["BTC/USDT"]
    return PlaceOrder(
        user=user,
        symbol=instrument.symbol,
        side=side,
        type=OrderType.LIMIT,
        quantity=instrument.parse_quantity(quantity),
        price=instrument.parse_price(price),
        client_order_id=client_order_id,
    )


class EngineCluster:
    """A cluster of its own on `servers`, whose engines the test starts and stops; `client` looks on."""

    def __init__(self, servers: NatsServers, client: Client, directory: Path) -> None:
        self.servers = servers
        self.client = client
        self.name = next(CLUSTERS)
        self.directory = directory
        self.stack = AsyncExitStack()
        config = self.config("test")
        self.names = config.bus_names
        self.stream = LogStream(client, self.names)
        self.store = SnapshotStore(client, self.names)
        self.outcomes: asyncio.Queue[OutcomeBatch] = asyncio.Queue()
        self._numbers = itertools.count(1)

    def config(self, node: str, **flags: Any) -> Config:
        """Return the configuration of an engine."""
        given = {
            "nats": self.servers.urls[0],
            "cluster_name": self.name,
            "node_name": node,
            "nats_replicas": "1",
            "log_bytes_max": str(64 << 20),
            "takeover_ms": "300",
            "admin_port": "0",
            "source": "exchange",
            "history_hours": "1",
            "data_dir": str(self.directory / node),
        }
        return load_config(given | flags, {})

    async def start(self, node: str, **flags: Any) -> RunningEngine:
        """Start an engine, which runs until the test ends or stops it."""
        return await self.stack.enter_async_context(engine_running(self.config(node, **flags)))

    async def lead(self, node: str, **flags: Any) -> RunningEngine:
        """Start an engine, and wait until it leads."""
        engine = await self.start(node, **flags)
        await leads(engine)
        return engine

    async def follow(self, node: str, **flags: Any) -> RunningEngine:
        """Start an engine, and wait until it follows another."""
        engine = await self.start(node, **flags)
        await until(lambda: failed(engine) or (engine.role.standby is not None and engine.role.standby.following))
        return engine

    async def send(
        self, writer: str, *commands: Command | OpenAccount, deadline_ms: int | None = None
    ) -> list[Outcome]:
        """Send commands to the engine that writes as `writer`; return their outcomes, in order, and remember when."""
        numbers = await self.tell(writer, *commands, deadline_ms=deadline_ms)
        got: dict[int, Outcome] = {}
        async with asyncio.timeout(30):
            while got.keys() < set(numbers):
                batch = await self.outcomes.get()
                self.durable = batch.sequence
                got |= dict(batch.items)
        return [got[number] for number in numbers]

    async def tell(self, writer: str, *commands: Command | OpenAccount, deadline_ms: int | None = None) -> list[int]:
        """Send commands and wait for nothing; return their numbers."""
        deadline_ms = now_ms() + DEADLINE_MS if deadline_ms is None else deadline_ms
        items = [SentCommand(next(self._numbers), deadline_ms, command) for command in commands]
        content = encode_commands(CommandBatch(gateway="test", reply_to=self.names.replies("test"), items=items))
        await self.client.publish(self.names.commands(writer), content)
        return [item.number for item in items]

    async def batches(self, after: int = 0) -> list[Batch]:
        """Return everything that is stored, whose sequences have no gap."""
        found: list[Batch] = []
        place = await self.stream.place(after)
        while piece := await self.stream.read(place):
            found += [batch for stored in piece for batch in stored.batches if batch.sequence > after]
            place = piece[-1].stream_sequence
        assert [batch.sequence for batch in found] == list(range(after + 1, after + 1 + len(found)))
        return found

    async def state(self) -> ExchangeState:
        """Return the state that everything stored adds up to."""
        state = ExchangeState(DEFAULT_INSTRUMENTS)
        for batch in await self.batches():
            apply_batch(state, batch)
        return state

    async def hear(self, message: Msg) -> None:
        """Take answers as a gateway."""
        self.outcomes.put_nowait(decode_outcomes(message.data))


@asynccontextmanager
async def engine_cluster(servers: NatsServers, directory: Path) -> AsyncIterator[EngineCluster]:
    """Have a cluster without any engine yet."""
    client = await connect(servers.address, "test")
    try:
        cluster = EngineCluster(servers, client, directory)
        await client.subscribe(cluster.names.replies("test"), cb=cluster.hear)
        async with cluster.stack:
            yield cluster
    finally:
        await client.close()


def failed(engine: RunningEngine) -> bool:
    """Whether an engine cannot go on; raises why."""
    if engine.running.done():
        engine.running.result()
    return False


async def leads(engine: RunningEngine) -> Leading:
    """Wait until an engine leads."""
    await until(lambda: failed(engine) or engine.role.leading is not None)
    return led(engine.role)


def led(role: EngineRole) -> Leading:
    """Return what an engine that leads has in its hands."""
    assert role.leading is not None
    return role.leading
