"""The whole server over real sockets: limits at their edges, bad input, trading, replay, keys, shutdown."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.streams import INTERVALS
from support.recordings import recording
from support.server import Client, serving


async def close_code(client: Client) -> int | None:
    """Receive until the server closes; return its code."""
    with pytest.raises(ConnectionClosed):
        await client.next(lambda _: False)
    return client.connection.close_code


# --- limits ---


async def test_the_100th_public_subscription_is_accepted_and_the_101st_is_not() -> None:
    items = [{"channel": "kline", "symbol": s, "interval": i} for s in DEFAULT_INSTRUMENTS for i in INTERVALS]
    async with serving(source="exchange") as server, server.client() as client:
        replies = [await client.request("subscribe", **item) for item in items[:101]]
        assert {reply["type"] for reply in replies[:100]} == {"subscribed"}
        assert replies[99]["data"]["subscriptions_remaining"] == 0
        assert replies[100]["data"]["code"] == "SUBSCRIPTION_LIMIT"
        await client.request("unsubscribe", **items[0])
        assert (await client.request("subscribe", **items[100]))["type"] == "subscribed"


async def test_the_1000th_message_is_answered_the_1001st_refused_the_2001st_ends_it() -> None:
    async with serving(source="exchange") as server, server.client() as client:
        for _ in range(2001):
            await client.send('{"id":"p","method":"ping"}')
        assert await close_code(client) == 1008
        kinds = [message["type"] for message in client.seen[1:]]
        assert kinds == ["pong"] * 1000 + ["error"]
        assert client.seen[-1]["data"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_the_tenth_connection_is_served_the_eleventh_refused_and_one_that_leaves_makes_room() -> None:
    async with serving(source="exchange") as server:
        connections = [await connect(server.url) for _ in range(10)]
        greetings = [json.loads(await connection.recv()) for connection in connections]
        remaining = [greeting["data"]["rate_limits"]["connections_remaining"] for greeting in greetings]
        assert remaining == list(range(9, -1, -1))
        eleventh = await connect(server.url)
        assert json.loads(await eleventh.recv())["data"]["code"] == "CONNECTION_LIMIT"
        await eleventh.wait_closed()
        assert eleventh.close_code == 1008
        await connections.pop().close()
        async with server.client() as again:
            assert again.seen[0]["type"] == "connection_status"
        await asyncio.gather(*(connection.close() for connection in connections))


# --- bad input ---

REFUSED = {
    "not JSON": "hello",
    "not an object": "[1]",
    "wrong types": '{"method":5}',
    "unknown method": '{"id":1,"method":"fly"}',
    "a numeric id": '{"id":12.5,"method":"fly"}',
    "no id": '{"method":"fly"}',
    "duplicate keys": '{"method":"ping","method":"ping"}',
    "NaN": '{"id":NaN,"method":"ping"}',
    "deep nesting": "[" * 60_000,
    "a long text of nothing": " " * 65_536,
    "null bytes": "\0" * 100,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
async def test_bad_text_gets_an_error_and_the_connection_lives_on(text: str) -> None:
    async with serving(source="exchange") as server, server.client() as client:
        await client.send(text)
        assert (await client.receive())["data"]["code"] == "INVALID_MESSAGE"
        assert (await client.request("ping"))["type"] == "pong"


@pytest.mark.parametrize(
    ("message", "code"), [(b"\x01", 1003), (" " * 65_537, 1009), (["[" * 40_000, "[" * 60_000], 1009)]
)
async def test_a_bad_frame_ends_its_connection_and_the_server_lives_on(message: Any, code: int) -> None:
    async with serving(source="exchange") as server, server.client() as bystander:
        async with server.client() as client:
            await client.connection.send(message)
            assert await close_code(client) == code
        assert (await bystander.request("ping"))["type"] == "pong"


# --- trading ---


async def test_a_persons_orders_trade_with_the_simulated_market() -> None:
    async with serving(source="simulate", history_hours="0") as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="account")
        funded = await alice.next(lambda message: bool(message["data"].get("balances")))
        before = funded["data"]["balances"]
        placed = await alice.request("place_order", symbol="ETH/USDT", side="buy", type="market", quantity="0.5")
        assert placed["data"]["status"] == "filled"
        await alice.request("subscribe", channel="account")
        after = (await alice.next(lambda message: bool(message["data"].get("balances"))))["data"]["balances"]
        held = [{item["currency"]: item["total"] for item in balances} for balances in (before, after)]
        assert held[0]["ETH"] == "25.00000000"
        assert held[1]["ETH"] == "25.49950000"
        assert float(held[1]["USDT"]) < float(held[0]["USDT"])


async def place_at_best_bid(alice: Client) -> str:
    """Place a passive order at the best bid and return its price; the market may move meanwhile: then try again."""
    while True:
        await alice.request("subscribe", channel="orderbook", symbol="BTC/USDT", depth=5)
        price: str = (await alice.next_of("orderbook_snapshot"))["data"]["bids"][0][0]
        placed = await alice.request(
            "place_order", symbol="BTC/USDT", side="buy", type="limit", quantity="0.001", price=price, post_only=True
        )
        if placed["type"] != "error":
            assert placed["data"]["status"] == "new"
            return price
        assert placed["data"]["reason"] == "post_only_would_take"


async def test_a_passive_order_is_filled_by_the_simulated_market() -> None:
    async with serving(source="simulate", history_hours="0") as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="orders")
        price = await place_at_best_bid(alice)
        filled = await alice.next(lambda message: message["data"].get("status") == "filled")
        assert filled["data"]["average_price"] == price


async def test_without_demo_balances_an_account_is_empty() -> None:
    async with serving(source="exchange", demo_balances="false") as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="account")
        assert (await alice.next_of("account_update"))["data"]["balances"] == []


# --- replay ---


async def test_a_recording_is_served_and_takes_no_orders() -> None:
    path = recording("l2/binance_usdm_btcusdt_20240718.gz")
    async with serving(source=f"replay:{path}", speed="50") as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="trades", symbol="BTC/USDT")
        trades = [await alice.next_of("trade") for _ in range(3)]
        numbers = [int(trade["data"]["trade_id"]) for trade in trades]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        assert trades[0]["data"]["timestamp"] < 1_800_000_000_000
        order = await alice.request("place_order", symbol="BTC/USDT", side="buy", type="market", quantity="1")
        assert order["data"]["reason"] == "trading_disabled"


# --- API keys ---


async def test_an_api_key_made_while_the_server_runs_logs_in_until_it_is_revoked() -> None:
    async with serving(source="exchange") as server:
        keys = KeyStore(server.data_dir / KEYS_FILE_NAME)
        key, record = keys.create(Grant(user="bob", scopes=frozenset({"read"}), ttl_ms=None), "test", now_ms())
        async with connect(f"{server.url}/?api_key={key}") as connection:
            client = Client(connection)
            assert (await client.receive())["data"]["authenticated"] is True
            assert (await client.request("subscribe", channel="orders"))["type"] == "subscribed"
            assert (await client.request("cancel_all_orders"))["data"]["code"] == "AUTHENTICATION_REQUIRED"
        keys.revoke(record.id, now_ms())
        async with connect(f"{server.url}/?api_key={key}") as connection:
            assert json.loads(await connection.recv())["data"]["code"] == "INVALID_TOKEN"
            await connection.wait_closed()
            assert connection.close_code == 3000
        keys.close()


# --- the process ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_tells_clients_and_ends_the_process_with_0(tmp_path: Path, number: signal.Signals) -> None:
    command = Path(sys.executable).parent / "finalex"
    arguments = ["serve", "--port", "0", "--source", "exchange", "--data-dir", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(command, *arguments, stdout=-1, stderr=-1)
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode() for _ in range(5)]
    address = next(line.split()[-1] for line in lines if "WebSocket" in line)
    token = next(line.split()[-1] for line in lines if "Token" in line)
    async with connect(f"{address}/?token={token}") as connection:
        client = Client(connection)
        assert (await client.receive())["data"]["authenticated"] is True
        process.send_signal(number)
        assert (await client.receive())["data"]["status"] == "closing"
        assert await close_code(client) == 1012
    assert await asyncio.wait_for(process.wait(), 30) == 0
    await process.communicate()


async def test_a_port_in_use_is_said_in_one_sentence(tmp_path: Path) -> None:
    async with serving(source="exchange") as server:
        command = Path(sys.executable).parent / "finalex"
        arguments = ["serve", "--port", str(server.port), "--data-dir", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(command, *arguments, stdout=-1, stderr=-1)
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert output == b""
    (sentence,) = [line for line in errors.decode().lower().splitlines() if line.startswith("finalex:")]
    assert sentence.endswith(f"port {server.port}: address already in use")
