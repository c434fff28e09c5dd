"""A symbol is added while the exchange runs, as docs/cluster.md says: gateways, standby engines, a hand-over."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from finalex.clock import now_ms
from finalex.cluster.standby import UnknownMarketError
from finalex.credentials.grants import Grant
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.roles.engine import RunningEngine
from finalex.roles.gateway_node import GatewayNode
from finalex.settings.markets import written
from support.clusters import Cluster, until
from support.nats_servers import NatsServers, one_nats
from support.server import WAIT_S, Client

__all__ = ["one_nats"]

OLD = [written(DEFAULT_INSTRUMENTS["BTC/USDT"])]
NEW = [*OLD, {**OLD[0], "symbol": "NEW/USDT"}]
ORDER: dict[str, Any] = {"side": "sell", "type": "limit", "quantity": "0.01", "price": "60000"}


@asynccontextmanager
async def client(gateway: GatewayNode, user: str) -> AsyncIterator[Client]:
    token = gateway.config.sign_token(Grant(user=user, scopes=frozenset({"read", "trade"}), ttl_ms=60_000), now_ms())
    async with connect(f"ws://127.0.0.1:{gateway.port}/?token={token}", max_queue=None) as connection:
        yield Client(connection)


async def test_a_symbol_is_added_while_orders_go_on(one_nats: NatsServers, tmp_path: Path) -> None:
    cluster = Cluster(one_nats, tmp_path, source="exchange", snapshot_interval_ms="100")
    before = {"demo_amounts": "BTC=1", "instruments": json.dumps(OLD)}
    after = {"demo_amounts": "BTC=1,NEW=1", "instruments": json.dumps(NEW)}
    async with AsyncExitStack() as stack:
        leading = await stack.enter_async_context(AsyncExitStack())
        first = await leading.enter_async_context(cluster.engine("engine-1", **before))
        async with cluster.gateway("gateway", **before) as gateway, client(gateway, "alice") as alice:
            kept = await alice.request("place_order", symbol="BTC/USDT", **ORDER)
        await until_snapshot(first)

        gateway = await stack.enter_async_context(cluster.gateway("gateway", **after))
        alice = await stack.enter_async_context(client(gateway, "alice"))
        early = await alice.request("place_order", symbol="NEW/USDT", **ORDER)
        assert (early["type"], early["data"]["reason"]) == ("error", "exchange_unavailable")

        second = await stack.enter_async_context(cluster.engine("engine-2", **after))
        await until(lambda: second.role.ready)
        canceled = await alice.request("cancel_order", order_id=kept["data"]["order_id"])
        assert canceled["type"] == "orders_canceled", canceled

        await leading.aclose()
        await until(lambda: second.role.leading is not None)
        bob = await stack.enter_async_context(client(gateway, "bob"))
        for symbol in ("BTC/USDT", "NEW/USDT"):
            placed = await bob.request("place_order", symbol=symbol, **ORDER)
            assert placed["type"] == "order_accepted", placed
        assert gateway.gateway.is_ready()


async def test_a_gateway_that_was_not_told_of_a_symbol_shows_nothing_untrue(
    one_nats: NatsServers, tmp_path: Path
) -> None:
    cluster = Cluster(one_nats, tmp_path, source="exchange")
    before = {"demo_amounts": "BTC=1", "instruments": json.dumps(OLD)}
    after = {"demo_amounts": "BTC=1,NEW=1", "instruments": json.dumps(NEW)}
    async with (
        cluster.engine("engine", **after),
        cluster.gateway("knows", **after) as gateway,
        cluster.gateway("does-not", **before) as ignorant,
        client(gateway, "alice") as alice,
    ):
        placed = await alice.request("place_order", symbol="NEW/USDT", **ORDER)
        assert placed["type"] == "order_accepted", placed
        with pytest.raises(UnknownMarketError, match="a market that is not configured here"):
            await asyncio.wait_for(ignorant.following, WAIT_S)
        await until(lambda: not ignorant.gateway.is_ready())


async def until_snapshot(engine: RunningEngine) -> None:
    """Wait until what follows does not start from the beginning of the log."""
    async with asyncio.timeout(WAIT_S):
        while not await engine.role.store.sequences():  # noqa: ASYNC110 (nobody is told of a snapshot)
            await asyncio.sleep(0.05)
