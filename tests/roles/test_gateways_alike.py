"""Two gateways send the same: every message of every public channel, byte for byte but for when it was sent."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from finalex.roles.gateway_node import GatewayNode
from support.clusters import Cluster, until
from support.nats_servers import NatsServers, one_nats
from support.recordings import recording as recorded_market

__all__ = ["one_nats"]

RECORDING = "l2/binance_spot_btcusdt_20240808.gz"

BATCHES_BEFORE = 50
"""By then there is a market."""

MESSAGES = 150
"""So many are compared before and after a restart."""

SUBSCRIBE = (
    '{"id": 1, "method": "subscribe", "params": {"subscriptions": ['
    '{"channel": "trades", "symbol": "BTC/USDT"}, {"channel": "orderbook", "symbol": "BTC/USDT"},'
    '{"channel": "ticker", "symbol": "BTC/USDT"}, {"channel": "kline", "symbol": "BTC/USDT", "interval": "1m"},'
    '{"channel": "status", "symbol": "BTC/USDT"}]}}'
)
PING = '{"id": "opened", "method": "ping", "params": {}}'

SENT = re.compile(r',"timestamp":[0-9]+}$')


class Recorder:
    """A client that keeps, as text, what is published after its openings, without when it was sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.frames: list[str] = []

    async def open(self) -> None:
        """Subscribe to everything, and read all openings."""
        await self._connection.send(SUBSCRIBE)
        await self._connection.send(PING)
        while '"type":"pong"' not in await self._receive():
            pass

    async def record(self, count: int) -> None:
        """Keep `count` more messages."""
        for _ in range(count):
            text = await self._receive()
            assert SENT.search(text), text
            self.frames.append(SENT.sub("}", text))

    async def record_until(self, frame: str) -> None:
        """Keep more messages until `frame` is among them."""
        while frame not in self.frames:
            await self.record(1)

    async def _receive(self) -> str:
        text = await self._connection.recv()
        assert isinstance(text, str)
        return text


@asynccontextmanager
async def recording(gateway: GatewayNode) -> AsyncIterator[Recorder]:
    """Connect to a gateway, subscribed to everything."""
    async with connect(f"ws://127.0.0.1:{gateway.port}", compression=None, max_queue=None) as connection:
        recorder = Recorder(connection)
        await recorder.open()
        yield recorder


def assert_part(part: list[str], whole: list[str]) -> None:
    """Assert that `part` is in `whole` as it is, without a gap."""
    start = whole.index(part[0])
    assert whole[start : start + len(part)] == part


@pytest.mark.parametrize("recorded", [False, True], ids=["simulated", "recorded"])
async def test_a_gateway_that_was_restarted_sends_what_another_sends(
    recorded: bool, one_nats: NatsServers, tmp_path: Path
) -> None:
    market = {"source": f"replay:{recorded_market(RECORDING)}", "speed": "5"} if recorded else {"source": "simulate"}
    cluster = Cluster(one_nats, tmp_path, history_hours="0", **market)
    segments = []
    async with cluster.engine() as engine, cluster.gateway("steady") as steady:
        await until(lambda: steady.view.hub.sequence >= BATCHES_BEFORE)
        async with recording(steady) as whole:
            for _ in range(2):
                newest = engine.role.snapshots.newest
                async with cluster.gateway("restarted") as restarted, recording(restarted) as part:
                    assert restarted.view.hub.sequence > newest
                    await part.record(MESSAGES)
                segments.append(part.frames)
                await engine.role.snapshots.write(engine.role.sequence)
            await whole.record_until(segments[-1][-1])

    for segment in segments:
        assert_part(segment, whole.frames)
    text = "".join(whole.frames)
    assert all(f'"type":"{kind}"' in text for kind in ("trade", "orderbook_update", "ticker", "kline"))
