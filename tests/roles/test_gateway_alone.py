"""A gateway that has lost its engine, or NATS: clients are told, and nothing is lost that was under way."""

import asyncio
from pathlib import Path

import pytest

from finalex.cluster import followed
from finalex.model.markets import DEFAULT_INSTRUMENTS
from support.clusters import Cluster, until
from support.gateways import ORDER, answers, client, status, stoppable
from support.nats_servers import NatsServers, one_nats, restarted
from support.server import WAIT_S

__all__ = ["one_nats"]


@pytest.fixture
def cluster(one_nats: NatsServers, tmp_path: Path) -> Cluster:
    """An exchange without traders of its own."""
    return Cluster(one_nats, tmp_path, source="exchange")


async def test_without_an_engine_clients_are_told_orders_are_refused_and_the_market_is_shown(cluster: Cluster) -> None:
    async with (
        stoppable(cluster.engine()) as (_, stop_engine),
        cluster.gateway() as gateway,
        client(gateway, "alice") as alice,
    ):
        await alice.request("subscribe", channel="status", symbol="BTC/USDT")
        await alice.request("place_order", **ORDER, side="sell", price="45000")
        await stop_engine()

        told = await alice.next(lambda m: m["type"] == "status" and m["data"]["state"] == "halted")
        assert told["data"]["reason"] == "exchange_unavailable"
        refused = await alice.request("place_order", **ORDER, side="sell", price="45000")
        assert refused["data"]["reason"] == "exchange_unavailable"
        canceled = await alice.request("cancel_all_orders")
        assert canceled["data"]["reason"] == "exchange_unavailable"
        await alice.request("subscribe", channel="orderbook", symbol="BTC/USDT")
        assert (await alice.next_of("orderbook_snapshot"))["data"]["asks"] == [["45000.00", "0.01000000"]]
        async with client(gateway) as late:
            await late.request("subscribe", channel="status")
            openings = [await late.next_of("status") for _ in DEFAULT_INSTRUMENTS]
        assert {opening["data"]["state"] for opening in openings} == {"halted"}
        assert await status(f"http://127.0.0.1:{gateway.admin_port}/ready") == 200

        async with cluster.engine("another"):
            back = await alice.next(lambda m: m["type"] == "status" and m["data"]["state"] == "open")
            assert "reason" not in back["data"]
            assert len({message["id"] for message in alice.seen if message["type"] == "status"}) == 3
            accepted = await alice.request("place_order", **ORDER, side="sell", price="45000")
            assert accepted["type"] == "order_accepted"


async def test_orders_under_way_when_an_engine_leaves_are_carried_out_once_each(cluster: Cluster) -> None:
    async with (
        stoppable(cluster.engine("first")) as (first, stop_first),
        cluster.gateway() as gateway,
        client(gateway, "alice") as alice,
    ):
        await until(lambda: first.role.leading is not None)
        async with cluster.engine("second") as second:
            await until(lambda: second.role.ready)
            leaving = asyncio.create_task(stop_first())
            accepted = {}
            for number in range(20):
                placing = {**ORDER, "side": "sell", "price": "45000", "client_order_id": f"order {number}"}
                reply = await alice.request("place_order", **placing)
                while reply["type"] == "error":
                    assert reply["data"]["reason"] == "exchange_unavailable"
                    await asyncio.sleep(0.05)
                    reply = await alice.request("place_order", **placing)
                accepted[f"order {number}"] = reply["data"]["order_id"]
            await leaving

            open_orders = gateway.view.hub.open_orders("alice")
            assert {order.client_order_id: order.id for order in open_orders} == accepted
            assert second.role.leading is not None


async def test_while_nats_is_away_the_market_stands_still_and_newcomers_are_sent_elsewhere(
    cluster: Cluster, one_nats: NatsServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "BEHIND_MS_MAX", 500)
    async with cluster.engine(), cluster.gateway() as gateway, client(gateway, "alice") as alice:
        await alice.request("subscribe", channel="status", symbol="BTC/USDT")
        one_nats.kill(0)
        try:
            await alice.next(lambda m: m["type"] == "status" and m["data"]["state"] == "halted")
            refused = await alice.request("place_order", **ORDER, side="sell", price="45000")
            assert refused["data"]["reason"] == "exchange_unavailable"
            await answers(f"http://127.0.0.1:{gateway.admin_port}/ready", 503)
            assert (await alice.request("subscribe", channel="orderbook", symbol="BTC/USDT"))["type"] == "subscribed"
        finally:
            await restarted(one_nats, 0)
        await alice.next(lambda m: m["type"] == "status" and m["data"]["state"] == "open")
        await answers(f"http://127.0.0.1:{gateway.admin_port}/ready", 200)


async def test_a_gateway_stops_in_time_while_nats_is_away(cluster: Cluster, one_nats: NatsServers) -> None:
    async with (
        cluster.engine(),
        stoppable(cluster.gateway()) as (gateway, stop),
        client(gateway, "alice") as alice,
    ):
        one_nats.kill(0)
        stopping = asyncio.create_task(stop())
        try:
            assert (await alice.next_of("connection_status"))["data"]["status"] == "closing"
            async with asyncio.timeout(WAIT_S):
                await stopping
        finally:
            await restarted(one_nats, 0)
