"""The role `gateway`: any number of them show one exchange, on a real NATS server, with real engines."""

import asyncio
import socket
from pathlib import Path

import pytest

from finalex.bus.connection import connect
from finalex.channels.hub import Hub
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.log.jetstream.stream import LogStream
from finalex.log.port import LogDamagedError
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.roles.engine import RunningEngine
from finalex.roles.gateway import gateway_running
from finalex.snapshots.snapshot import take_snapshot
from finalex.starting import StartError
from support.clusters import Cluster, until
from support.gateways import ORDER, answers, client, status, without_time
from support.nats_servers import NatsServers, one_nats
from support.server import WAIT_S, Client, Message

__all__ = ["one_nats"]


@pytest.fixture
def cluster(one_nats: NatsServers, tmp_path: Path) -> Cluster:
    """An exchange without traders of its own."""
    return Cluster(one_nats, tmp_path, source="exchange")


# --- one market -----------------------------------------------------------------------------------------


async def test_the_order_of_a_client_at_one_gateway_trades_with_that_of_another_at_another(cluster: Cluster) -> None:
    async with (
        cluster.engine(),
        cluster.gateway("g1") as first,
        cluster.gateway("g2") as second,
        client(first, "alice") as alice,
        client(second, "bob") as bob,
    ):
        for trader in (alice, bob):
            await trader.request("subscribe", channel="trades", symbol="BTC/USDT")
        await alice.request("subscribe", channel="orders")
        await alice.request("place_order", **ORDER, side="sell", price="45000")
        reply = await bob.request("place_order", **ORDER, side="buy", price="45000")

        assert reply["data"]["status"] == "filled"
        for trader in (alice, bob):
            await trader.until(lambda seen: any(message["type"] == "trade" for message in seen))
        trades = [message for trader in (alice, bob) for message in trader.seen if message["type"] == "trade"]
        assert len({str(without_time(trade)) for trade in trades}) == 1
        placing = [kind for kind in types(alice) if kind in ("order_update", "order_accepted")]
        assert placing[:2] == ["order_update", "order_accepted"]


def types(client: Client) -> list[str]:
    return [message["type"] for message in client.seen]


async def test_a_new_account_has_its_demo_balances(cluster: Cluster) -> None:
    async with cluster.engine(), cluster.gateway() as gateway, client(gateway, "carol") as carol:
        await carol.request("subscribe", channel="account")
        await carol.until(lambda seen: any(m["type"] == "account_update" and m["data"]["balances"] for m in seen))

        await until(lambda: len(gateway.venue) == 0)
        assert gateway.venue.counts.answered == 1


# --- starting -------------------------------------------------------------------------------------------


async def test_a_gateway_waits_for_nats_and_says_that_it_is_not_ready(one_nats: NatsServers, tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        admin_port = held.getsockname()[1]
    cluster = Cluster(one_nats, tmp_path, source="exchange")
    one_nats.kill(0)
    async with cluster.engine():
        ready = f"http://127.0.0.1:{admin_port}/ready"
        starting = asyncio.create_task(answers(ready, 503))
        starting.add_done_callback(lambda _: one_nats.start(0, wait=False))
        async with cluster.gateway("late", admin_port=str(admin_port)):
            assert starting.done()
            assert await status(ready) == 200


async def test_a_gateway_needs_to_know_where_nats_is(cluster: Cluster) -> None:
    with pytest.raises(StartError, match="'nats' must name"):
        async with gateway_running(cluster.config("g", nats="")):
            pytest.fail("it runs")


async def test_a_gateway_does_not_begin_on_a_log_that_ends_before_its_snapshot(
    cluster: Cluster, one_nats: NatsServers
) -> None:
    config = cluster.config("g")
    hub = Hub(DEFAULT_INSTRUMENTS)
    hub.apply(Batch(sequence=7, time_ms=1, events=()), ())
    bus = await connect(config.bus_address, "test")
    try:
        store = SnapshotStore(bus, config.bus_names)
        await store.prepare(1)
        await store.write(take_snapshot(hub))
        await LogStream(bus, config.bus_names).prepare(1, 1 << 24)
    finally:
        await bus.close()

    with pytest.raises(StartError, match="ends at batch 0: the log, or its end, is lost"):
        async with cluster.gateway("g"):
            pytest.fail("it runs")


async def test_a_gateway_ends_when_the_log_is_damaged_and_is_not_ready_any_more(cluster: Cluster) -> None:
    async with cluster.engine(), cluster.gateway() as gateway, client(gateway) as visitor:
        bus = await connect(gateway.config.bus_address, "test")
        try:
            await bus.jetstream().publish(gateway.config.bus_names.log, b"nonsense")
            await asyncio.wait({gateway.following}, timeout=WAIT_S)
        finally:
            await bus.close()

        assert isinstance(gateway.following.exception(), LogDamagedError)
        await answers(f"http://127.0.0.1:{gateway.admin_port}/ready", 503)
        assert (await visitor.request("ping"))["type"] == "pong"  # it is told to go when the process stops


async def test_a_gateway_whose_view_cannot_follow_ends(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("impossible")

    async with cluster.engine(), cluster.gateway() as gateway:
        monkeypatch.setattr(gateway.view.hub, "apply", fail)
        await asyncio.wait({gateway.following}, timeout=WAIT_S)

        assert "cannot follow from what is before it" in str(gateway.following.exception())
        assert not gateway.gateway.is_ready()


# --- coming back ----------------------------------------------------------------------------------------


async def test_a_client_resumes_at_another_gateway_that_was_not_there_when_it_left(cluster: Cluster) -> None:
    order = {**ORDER, "price": "45000"}
    resumed = {"trade": {"channel": "trades", "symbol": "BTC/USDT"}, "user_trade": {"channel": "user_trades"}}
    async with cluster.engine() as engine, cluster.gateway("first") as first:
        await snapshot(engine)
        async with client(first, "alice") as alice, client(first, "bob") as bob:
            for params in resumed.values():
                await alice.request("subscribe", **params)
            for _ in range(3):
                await alice.request("place_order", **order, side="sell")
                await bob.request("place_order", **order, side="buy")
            await alice.until(lambda seen: len(of(seen, "trade")) == len(of(seen, "user_trade")) == 3)
        newest = await snapshot(engine)

        async with cluster.gateway("second") as second, client(second, "alice") as again:
            assert second.view.hub.sequence >= newest
            for kind, params in resumed.items():
                missed = of(alice.seen, kind)[1:]
                reply = await again.request("subscribe", **params, after=of(alice.seen, kind)[0]["id"])
                assert reply["data"]["resumed"] is True
                while len(of(again.seen, kind)) < len(missed):
                    await again.receive()
                assert [without_time(m) for m in of(again.seen, kind)] == [without_time(m) for m in missed]


async def snapshot(engine: RunningEngine) -> int:
    """Have a snapshot of now, and return its sequence."""
    await until(lambda: engine.role.leading is not None)
    written = await engine.role.snapshots.write(engine.role.sequence)
    assert written is not None
    return written.sequence


def of(seen: list[Message], kind: str) -> list[Message]:
    return [message for message in seen if message["type"] == kind]
