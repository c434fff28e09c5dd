"""The gateway as a whole: who comes in, what they get, and how it ends."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from finalex.model.events import Batch
from support.conversation import token
from support.served import serve
from support.sockets import RawSocket, RefusedError, get


class TestPublishing:
    async def test_a_subscriber_gets_every_trade_once_and_in_order(self) -> None:
        async with serve() as served, await served.subscriber() as client, await served.subscriber("ticker") as other:
            for _ in range(20):
                served.trade(count=5)
            messages = [await client.message() for _ in range(100)]
            assert [message["data"]["trade_id"] for message in messages] == [str(n) for n in range(1, 101)]
            assert all(message["channel"] == "trades" for message in messages)
            assert (await other.message())["type"] == "ticker"

    async def test_between_snapshot_and_updates_nothing_is_lost_or_doubled(self) -> None:
        async with serve() as served, await served.connect() as client:
            last = served.trade(count=3)
            client.request("subscribe", channel="trades", symbol="BTC/USDT", snapshot=1000)
            seen: list[str] = []
            while f"{last}" not in seen or len(seen) < 30:
                if last < 30:
                    last = served.trade(count=3)
                message = await client.message()
                if message["type"] == "trade":
                    seen.append(message["data"]["trade_id"])
            assert seen == [str(number) for number in range(1, last + 1)]

    async def test_after_unsubscribing_nothing_comes(self) -> None:
        async with serve() as served, await served.subscriber() as client:
            client.request("unsubscribe", channel="trades", symbol="BTC/USDT")
            assert (await client.message())["type"] == "unsubscribed"
            served.trade()
            client.request("ping")
            assert (await client.message())["type"] == "pong"

    async def test_a_reply_comes_after_what_was_published_before_it(self) -> None:
        async with serve() as served, await served.connect(f"/?token={token('alice')}") as client:
            served.credit("alice", "USDT", 1000)
            client.request("subscribe", subscriptions=[{"channel": "orders"}, {"channel": "account"}])
            types = [(await client.message())["type"] for _ in range(3)]
            assert types == ["connection_status", "subscribed", "account_update"]
            order = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "100.00"}
            client.request("place_order", **order)
            types = [(await client.message())["type"] for _ in range(3)]
            assert types == ["order_update", "account_update", "order_accepted"]

    async def test_orders_end_with_the_connection_if_it_wants_that(self) -> None:
        async with serve() as served, await served.connect(f"/?token={token('alice')}") as client:
            served.credit("alice", "USDT", 1000)
            client.request("cancel_on_disconnect", enabled=True)
            order = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "100.00"}
            client.request("place_order", **order)
            types = [(await client.message())["type"] for _ in range(3)]
            assert types == ["connection_status", "cancel_on_disconnect", "order_accepted"]
            assert len(served.desk.hub.open_orders("alice")) == 1
            client.reset()
            await served.left_with(0)
            assert served.desk.hub.open_orders("alice") == []

    async def test_credentials_that_expire_end_the_connection(self) -> None:
        async with serve(sweep_interval_ms=10) as served:
            path = f"/?token={token('alice', expires_ms=served.now_ms + 100_000)}"
            async with await served.connect(path) as client:
                assert (await client.message())["data"]["status"] == "connected"
                served.now_ms += 50_000
                assert (await client.message())["data"]["status"] == "token_expiring"
                served.now_ms += 50_000
                assert (await client.message())["data"]["code"] == "INVALID_TOKEN"
                assert await client.close_code() == 3000


class TestSlowClients:
    async def test_who_does_not_read_is_closed_and_nobody_else_notices(self) -> None:
        async with serve(lagging_bytes=1 << 14, queue_bytes_max=1 << 16, slow_close_timeout_ms=60_000) as served:
            async with await served.subscriber() as quick, await served.connect(receive_bytes=4096) as slow:
                slow.request("subscribe", channel="trades", symbol="BTC/USDT")
                for kind in ("connection_status", "subscribed"):
                    assert (await slow.message())["type"] == kind
                seen = 0
                while served.metrics.closes["4000"] == 0:
                    last = served.trade(count=200)
                    while seen < last:
                        message = await quick.message()
                        seen += 1
                        assert message["data"]["trade_id"] == str(seen)
                assert await slow.close_code() == 4000
            assert served.metrics.closes["4000"] == 1
            assert served.metrics.deliveries.total() > seen

    async def test_it_is_dropped_if_it_goes_on_like_that(self) -> None:
        async with serve(lagging_bytes=1 << 14, queue_bytes_max=1 << 16, slow_close_timeout_ms=20) as served:
            slow = await served.connect(receive_bytes=4096)
            slow.request("subscribe", channel="trades", symbol="BTC/USDT")
            for _ in range(2):
                await slow.message()
            while served.metrics.closes["4000"] == 0:
                served.trade(count=200)
                await asyncio.sleep(0)
            await served.left_with(0)
            slow.reset()


class TestStopping:
    async def test_everybody_is_told_when_to_come_back(self) -> None:
        async with serve(reconnect_after_ms=500, reconnect_spread_ms=1000) as served, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(await served.subscriber()) for _ in range(5)]
            served.trade()
            stopping = asyncio.create_task(served.gateway.stop(20))
            waits = []
            for client in clients:
                assert (await client.message())["type"] == "trade"
                message = await client.message()
                assert message["data"]["status"] == "closing"
                waits.append(message["data"]["reconnect_after_ms"])
                assert await client.close_code() == 1012
                client.send_close(1012)
                assert await client.ended()
                await client.close()
            await stopping
            assert all(500 <= wait < 1500 for wait in waits)
            assert len(set(waits)) == len(waits)
            assert served.gateway.connections == 0

    async def test_who_does_not_go_is_dropped(self) -> None:
        async with serve(close_timeout_ms=60_000) as served, await served.connect() as client:
            await client.message()
            await served.gateway.stop(0.01)
            assert served.gateway.connections == 0
            assert await client.close_code() == 1012

    async def test_nobody_new_comes_in(self) -> None:
        async with serve() as served, await RawSocket.connect(served.port) as early:
            await served.gateway.stop(1)
            assert await early.read_to_end() == b""
            with pytest.raises(ConnectionError):
                await RawSocket.connect(served.port)

    async def test_libraries_see_the_code(self) -> None:
        async with serve() as served, connect(f"ws://127.0.0.1:{served.port}") as client:
            await client.recv()
            stopping = asyncio.create_task(served.gateway.stop(20))
            assert json.loads(await client.recv())["data"]["status"] == "closing"
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1012
            await stopping


class TestFaults:
    async def test_a_session_that_fails_ends_its_connection_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve() as served, await served.subscriber() as client, await served.subscriber() as other:

            def fail(*_: object) -> None:
                raise KeyError("a secret of somebody's")

            monkeypatch.setattr(served, "submit", fail)
            monkeypatch.setattr(served.desk.hub, "opening", fail)
            with structlog.testing.capture_logs() as logs:
                client.request("subscribe", channel="ticker", symbol="BTC/USDT")
                message = await client.message()
            assert (message["type"], message["data"]["code"]) == ("error", "INTERNAL_ERROR")
            assert await client.close_code() == 1011
            assert "secret" not in str(message) + str(logs)
            assert logs[0]["error"] == "KeyError"
            served.trade()
            assert (await other.message())["type"] == "trade"
            assert served.metrics.failures == {"receive": 1}

    async def test_views_that_fail_end_all_connections_and_readiness(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve() as served, await served.subscriber() as client:
            served.gateway.source_running = True
            assert (await get(served.port, "/ready")).status == 200
            served.trade()

            def fail(batch: Batch, wanted: object) -> None:
                raise ValueError

            monkeypatch.setattr(served.desk.hub, "apply", fail)
            with structlog.testing.capture_logs():
                served.trade()
            assert (await client.message())["type"] == "trade"
            assert await client.close_code() == 1011
            assert (await get(served.port, "/ready")).status == 503
            assert (await get(served.port, "/health")).status == 200

    async def test_a_handshake_that_fails_shows_nothing_of_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise KeyError("a secret of somebody's")

        monkeypatch.setattr("finalex.gateway.server.Gateway.session_type", fail)
        with structlog.testing.capture_logs():
            async with serve() as served:
                with pytest.raises(RefusedError) as refused:
                    await served.connect()
                assert refused.value.answer.status == 500
                assert refused.value.answer.body == b"Internal error.\n"
                assert served.gateway.connections == 0

    async def test_credentials_are_never_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(1)
        logging.getLogger("picows").setLevel(1)
        good = token("alice")
        with structlog.testing.capture_logs() as logs:
            async with serve() as served:
                for path in (f"/?token={good}", "/?api_key=pk_live_hush", f"/nowhere?token={good}"):
                    try:
                        client = await served.connect(path, "X-Other: hush")
                    except RefusedError:
                        continue
                    await client.message()
                    client.send_frame(3, b"hush")
                    assert await client.close_code() in (1002, 3000)
                    await client.close()
        told = str(logs) + caplog.text
        assert good not in told
        assert "hush" not in told

    async def test_a_thousand_bytes_of_noise_hurt_nobody(self) -> None:
        async with serve() as served, await served.connect() as bystander:
            await bystander.message()
            for seed in range(50):
                async with await served.connect(source="127.0.0.2") as client:
                    client.send(bytes((seed * 31 + index * index) % 256 for index in range(1000)))
                    client.end()
                    async with asyncio.timeout(20):
                        while await client.read():
                            pass
                await served.left_with(1)
            bystander.request("ping")
            assert (await bystander.message())["type"] == "pong"
            assert not served.metrics.failures
