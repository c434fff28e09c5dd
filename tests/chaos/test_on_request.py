"""A client asks for a fault, and that one happens to it; others notice nothing."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chaos.asking import SYMBOL, ask, calmed, faults, how_it_ends, rest, sandbox, trade
from finalex.chaos.faults import ON_REQUEST
from support.server import Client, serving

BOOK = {"channel": "orderbook", "symbol": SYMBOL}
SILENCE_S = 0.3
STALLS = {"lagging_bytes": "4096", "queue_bytes_max": "1000000"}


async def test_without_the_sandbox_there_is_no_such_method() -> None:
    async with serving(source="exchange") as server, server.client() as client:
        reply = await ask(client, "reset")
    assert (reply["type"], reply["data"]["code"]) == ("error", "INVALID_MESSAGE")


async def test_what_is_no_fault_is_refused_with_those_there_are() -> None:
    async with sandbox() as server, server.client() as client:
        reply = await ask(client, "earthquake")
        assert reply["data"]["code"] == "INVALID_PARAMS"
        assert all(fault.value in reply["data"]["details"] for fault in ON_REQUEST)
        assert await faults(server) == {}


@pytest.mark.parametrize("fault", ["reset", "cut"])
async def test_a_connection_ends_without_a_close_frame(fault: str) -> None:
    async with sandbox() as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(server.client())
        other = await stack.enter_async_context(server.client())
        await ask(client, fault)
        with suppress(ConnectionClosed):
            await client.send({"id": "next", "method": "ping"})
        assert await how_it_ends(client) is None
        assert (await other.request("ping"))["type"] == "pong"
        assert await faults(server) == {fault: 1}


async def test_a_reset_is_one_of_tcp() -> None:
    async with sandbox() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + key)
        await reader.readuntil(b"\r\n\r\n")
        text = json.dumps({"id": "a", "method": "chaos", "params": {"fault": "reset"}}).encode()
        writer.write(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)
        writer.close()


async def test_silence_is_told_to_nobody_and_the_old_connection_lives_on() -> None:
    async with (
        sandbox("calm:silence_ms=60000", ping_interval_ms="600000") as server,
        server.client("alice") as alice,
        server.client("alice") as again,
    ):
        await ask(alice, "silence")
        await alice.send({"id": "a", "method": "ping"})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(alice.connection.recv(), SILENCE_S)
        assert (await again.request("ping"))["type"] == "pong"
        alice.connection.transport.abort()


async def test_a_silent_connection_ends_for_the_server_alone() -> None:
    async with (
        sandbox("calm:silence_ms=60000", ping_interval_ms="20", pong_timeout_ms="20") as server,
        server.client("alice") as alice,
        server.client("alice") as again,
    ):
        await again.request("subscribe", channel="orders")
        await alice.request("cancel_on_disconnect", enabled=True)
        await rest(alice)
        await ask(alice, "silence")
        await again.until(lambda seen: bool(seen) and seen[-1]["data"].get("status") == "canceled")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(alice.connection.recv(), SILENCE_S)
        alice.connection.transport.abort()


async def test_an_order_whose_acceptance_is_lost_was_placed() -> None:
    order = {"symbol": SYMBOL, "side": "sell", "type": "limit", "quantity": "0.001", "price": "45000"}
    async with sandbox() as server:
        async with server.client("alice") as alice:
            await ask(alice, "lost_reply")
            await alice.send({"id": "o", "method": "place_order", "params": {**order, "client_order_id": "mine"}})
            assert await how_it_ends(alice) is None
        assert "order_accepted" not in {message["type"] for message in alice.seen}
        async with server.client("alice") as alice:
            again = await alice.request("place_order", **order, client_order_id="mine")
            opened = await alice.request("cancel_all_orders")
        assert opened["data"]["order_ids"] == [again["data"]["order_id"]]


async def test_one_update_of_a_book_is_left_out() -> None:
    async with sandbox() as server, server.client("alice") as alice, server.client() as reader:
        await reader.request("subscribe", **BOOK)
        await ask(reader, "book_gap")
        await rest(alice, 4)
        await reader.until(lambda seen: seen[-1]["data"].get("sequence") == 4)
        updates = [m["data"]["sequence"] for m in reader.seen if m["type"] == "orderbook_update"]
        assert updates == [1, 3, 4]
        assert await faults(server) == {"book_gap": 1}


async def test_one_trade_is_left_out() -> None:
    async with sandbox() as server, server.client("alice") as alice, server.client("bob") as bob:
        await rest(bob, 4)
        await bob.request("subscribe", channel="trades", symbol=SYMBOL)
        await ask(bob, "trade_gap")
        await trade(alice, 4, "46000")
        await bob.until(lambda seen: seen[-1]["data"].get("trade_id") == "4")
    assert [m["data"]["trade_id"] for m in bob.seen if m["type"] == "trade"] == ["1", "3", "4"]


async def test_a_client_lags_and_catches_up() -> None:
    async with (
        sandbox("calm:stall_ms=1500", **STALLS) as server,
        server.client("alice") as alice,
        server.client() as reader,
    ):
        await reader.request("subscribe", **BOOK)
        await ask(reader, "stall")
        await rest(alice, 3)
        snapshot = await reader.next_of("orderbook_snapshot")
        kinds = [message["type"] for message in reader.seen]
        assert "lagging" in [m["data"].get("status") for m in reader.seen]
        assert "orderbook_update" not in kinds
        assert snapshot["data"]["sequence"] == len(snapshot["data"]["asks"]) == 3


async def test_pings_are_not_answered() -> None:
    async with sandbox() as server, server.client() as client:
        await ask(client, "mute")
        await client.send({"id": "p", "method": "ping"})
        pong = asyncio.ensure_future(await client.connection.ping())
        await client.request("list_subscriptions")
        assert "pong" not in {message["type"] for message in client.seen}
        assert not pong.done()


async def test_requests_are_dropped_for_a_while() -> None:
    async with sandbox("calm:rate_limit_ms=200") as server, server.client() as client:
        await ask(client, "rate_limit")
        await client.send({"id": "lost", "method": "ping"})
        error = await client.receive()
        assert (error["type"], error["data"]["code"]) == ("error", "RATE_LIMIT_EXCEEDED")
        assert error["id"] != "lost"
        while client.seen[-1]["type"] != "pong":
            await client.send({"id": "again", "method": "ping"})
            with suppress(TimeoutError):
                await asyncio.wait_for(client.receive(), 0.02)
        assert "lost" not in {message["id"] for message in client.seen}


async def test_a_restart_is_announced_and_for_the_one_alone_who_asked() -> None:
    async with sandbox("calm:down_ms=700") as server, server.client() as client, server.client() as other:
        await ask(client, "restart")
        assert await how_it_ends(client) == 1012
        closing = client.seen[-1]["data"]
        assert closing["status"] == "closing"
        assert 700 <= closing["reconnect_after_ms"] <= 1200
        assert (await other.request("ping"))["type"] == "pong"


async def test_a_calm_connection_is_left_alone() -> None:
    profile = "flaky:messages=2,refuse_percent=0,latency_ms=0,jitter_ms=0"
    async with sandbox(profile) as server, calmed(server.url) as connection:
        client = Client(connection)
        for _ in range(100):
            assert (await client.request("ping"))["type"] == "pong"


async def test_handshakes_are_refused() -> None:
    async with sandbox("calm:refuse_percent=90") as server:
        with pytest.raises(InvalidStatus) as refused:
            await knock(server.url, 50)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"


async def knock(url: str, times: int) -> None:
    for _ in range(times):
        async with connect(url):
            pass
