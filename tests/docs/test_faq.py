"""What the answers to frequent questions claim is so."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from docs.pages import ROOT
from finalex.config import load_config
from finalex.protocol.errors import CloseCode
from support.server import Server, serving
from support.sockets import open_websocket

FAQ = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
SYMBOL = "BTC/USDT"


def answer(question: str) -> str:
    """Return the answer to a question, as one line."""
    return " ".join(FAQ.split(f"### {question}\n")[1].split("\n##")[0].split())


def trading(**settings: str) -> Any:
    """Run an exchange without other traders."""
    return serving(source="exchange", **settings)


async def close_code(server: Server, path: str) -> int | None:
    """Connect, read to the end, and return the close code."""
    async with connect(server.url + path) as client:
        with suppress(ConnectionClosed):
            async for _ in client:
                pass
        return client.close_code


def test_the_codes_to_stay_away_after_are_the_servers() -> None:
    sentence = re.findall(r"Stay away after ([^.]+)\.", answer("How do I reconnect without harm?"))[0]
    assert set(map(int, re.findall(r"\d{4}", sentence))) == {int(code) for code in CloseCode if not code.reconnect}


@pytest.mark.parametrize(
    ("question", "words", "setting", "value"),
    [
        ("Why was I closed with 4000?", "a megabyte waited for you (`queue_bytes_max`)", "queue_bytes_max", 1 << 20),
        ("Why was I closed with 3008?", "within ten seconds (`pong_timeout_ms`)", "pong_timeout_ms", 10_000),
        (
            "Why does my connection end with 1006, always after the same time?",
            "pings every 30 seconds (`ping_interval_ms`)",
            "ping_interval_ms",
            30_000,
        ),
        ("We all sit behind one address", "ten connections (`connections_per_ip`)", "connections_per_ip", 10),
        ("We all sit behind one address", "carries 100 subscriptions", "public_subscriptions_max", 100),
        ("Why are my messages not answered?", "more than 1000 within 60 seconds", "messages_per_minute_max", 1000),
        ("Why did my candle change after the minute?", "at most every 250 ms", "kline_interval_ms", 250),
        ("How do I know that I missed nothing?", "every five seconds", "heartbeat_interval_ms", 5000),
    ],
)
def test_numbers_are_the_defaults(question: str, words: str, setting: str, value: int) -> None:
    assert words in answer(question)
    assert getattr(load_config({}, {"HOME": "/house"}), setting) == value


async def test_too_many_connections_are_told_and_then_turned_away() -> None:
    async with serving(source="exchange", connections_per_ip="1") as server, server.client():
        for _ in range(10):
            assert await close_code(server, "/") == CloseCode.POLICY_VIOLATION
        with pytest.raises(InvalidStatus) as turned_away:
            await connect(server.url)
        response = turned_away.value.response
        assert (response.status_code, "Retry-After" in response.headers) == (429, True)


async def test_firefox_connects() -> None:
    async with trading() as server, await open_websocket(server.port, connection="keep-alive, Upgrade") as client:
        assert (await client.message())["type"] == "connection_status"


async def test_a_ping_from_a_browser_is_answered_with_the_servers_time() -> None:
    async with trading() as server, server.client() as client:
        reply = await client.request("ping")
        assert (reply["type"], list(reply["data"])) == ("pong", ["server_time"])


async def test_subscribing_again_or_with_another_depth_brings_a_snapshot_again() -> None:
    async with trading() as server, server.client() as client:
        depths = []
        for depth in (5, 5, 10):
            reply = await client.request("subscribe", channel="orderbook", symbol=SYMBOL, depth=depth)
            assert (reply["type"], "channel" in reply) == ("subscribed", False)
            depths.append((await client.next_of("orderbook_snapshot"))["data"]["depth"])
        listed = (await client.request("list_subscriptions"))["data"]["subscriptions"]
        assert (depths, len(listed)) == ([5, 5, 10], 1)


async def test_two_credentials_are_one_too_many() -> None:
    async with trading() as server:
        path = f"/?token={server.token('alice')}&api_key=pk_live_1"
        async with connect(server.url + path) as client:
            assert json.loads(await client.recv())["data"]["code"] == "INVALID_TOKEN"
        assert await close_code(server, path) == CloseCode.UNAUTHORIZED


async def test_an_order_sent_twice_has_one_outcome_and_a_late_cancel_is_not_found() -> None:
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": "0.01", "price": "1000.00"}
    async with trading() as server, server.client("alice") as client:
        replies = [await client.request("place_order", **order, client_order_id="once") for _ in range(2)]
        (order_id,) = {reply["data"]["order_id"] for reply in replies}
        assert (await client.request("cancel_order", order_id=order_id))["data"]["order_ids"] == [order_id]
        late = await client.request("cancel_order", order_id=order_id)
        assert late["data"]["code"] == "NOT_FOUND"


async def test_a_number_in_an_order_is_refused() -> None:
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": 0.01, "price": "1000.00"}
    async with trading() as server, server.client("alice") as client:
        assert (await client.request("place_order", **order))["data"]["code"] == "INVALID_PARAMS"


async def test_a_market_without_a_trade_has_no_ticker() -> None:
    async with trading() as server, server.client() as client:
        await client.request("subscribe", channel="ticker", symbol=SYMBOL)
        await client.request("ping")
        assert [message["type"] for message in client.seen] == ["connection_status", "subscribed", "pong"]


async def test_orders_stay_unless_the_connection_was_told_to_take_them_along() -> None:
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": "0.01", "price": "1000.00"}
    async with trading() as server, server.client("alice") as watcher:
        await watcher.request("subscribe", channel="orders")
        for telling in (False, True):
            async with server.client("alice") as client:
                if telling:
                    await client.request("cancel_on_disconnect", enabled=True)
                placed = (await client.request("place_order", **order))["data"]["order_id"]
        canceled = await watcher.next(lambda message: message.get("data", {}).get("status") == "canceled")
        assert canceled["data"]["order_id"] == placed
        assert sum(message.get("data", {}).get("status") == "canceled" for message in watcher.seen) == 1
