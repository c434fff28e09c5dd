"""A whole server on which an upstream is traded on paper: what its clients see of it, across drops and restarts."""

from pathlib import Path
from typing import Any

import pytest

from finalex.client import connect
from finalex.model.orders import Side
from finalex.sources.upstream import opening
from finalex.sources.upstream.paper import PaperSource
from finalex.sources.upstream.port import FeedError, MarketTrade
from finalex.sourcing import describe_source
from sources.upstream.playing import FakeFeed, book
from support.server import Client, Message, serving

SYMBOL = "BTC/USDT"
SHOWN = book(("100", "1"), ("99", "3"), asks=[("101", "2"), ("102", "5")])
LOST = FeedError("lost")


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> FakeFeed:
    feed = FakeFeed()
    monkeypatch.setattr(opening, "open_feed", lambda name: feed)
    return feed


async def follow_book(client: Client, *, stale: bool = False) -> Message:
    """Subscribe to the book and wait until it is there, or is not."""
    await client.request("subscribe", channel="orderbook", symbol=SYMBOL, depth=5)
    return await client.next(
        lambda each: each["type"] == "orderbook_snapshot" and each["data"].get("stale", False) is stale
    )


async def place(client: Client, side: str, quantity: str, price: str | None = None, **more: Any) -> Message:
    kind = "market" if price is None else "limit"
    prices = {} if price is None else {"price": price}
    return await client.request("place_order", symbol=SYMBOL, side=side, type=kind, quantity=quantity, **prices, **more)


def of(messages: list[Message], kind: str) -> list[Message]:
    return [message["data"] for message in messages if message["type"] == kind]


async def balances(client: Client) -> dict[str, tuple[str, str]]:
    """Return what an account has; one that is new has its demo balances as soon as they are durable."""
    await client.request("subscribe", channel="account")
    data = (await client.next(lambda each: each["type"] == "account_update" and each["data"]["balances"]))["data"]
    return {each["currency"]: (each["available"], each["locked"]) for each in data["balances"]}


async def test_an_order_takes_what_is_shown_and_nobody_else_sees_it(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server, server.client("alice") as alice, server.client() as other:
        assert isinstance(server.source, PaperSource)
        for channel in ("orders", "user_trades", "account"):
            await alice.request("subscribe", channel=channel)
        await follow_book(alice)
        await follow_book(other)
        await other.request("subscribe", channel="trades", symbol=SYMBOL)
        assert describe_source(server.config, server.source) == "paper:fake, 1 of 8 books live"
        reply = await place(alice, "buy", "3", "102", client_order_id="mine")
        await alice.until(lambda seen: len(of(seen, "user_trade")) == 2 and len(of(seen, "account_update")) >= 2)
        trades = of(alice.seen, "user_trade")
        assert (reply["type"], reply["data"]["status"]) == ("order_accepted", "filled")
        assert [(t["price"], t["quantity"], t["role"], t["fee"]) for t in trades] == [
            ("101.00", "2.00000000", "taker", "0.00200000"),
            ("102.00", "1.00000000", "taker", "0.00100000"),
        ]
        assert [o["status"] for o in of(alice.seen, "order_update")] == ["new", "partially_filled", "filled"]
        assert {t["order_id"] for t in trades} == {reply["data"]["order_id"]}
        held = {b["currency"]: b["total"] for b in of(alice.seen, "account_update")[-1]["balances"]}
        assert (held["BTC"], held["USDT"]) == ("4.99700000", "99696.00000000")
        feed.tell(sold("1", "100", "0.5"))
        trade = await other.next_of("trade")
        assert (trade["data"]["trade_id"], trade["data"]["quantity"]) == ("1", "0.50000000")
        assert not of(other.seen, "orderbook_update")
        assert len(of(other.seen, "trade")) == 1


async def test_what_was_shown_is_given_once(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server, server.client("alice") as alice, server.client("bob") as bob:
        await follow_book(alice)
        first = await place(alice, "buy", "2", "101")
        second = await place(bob, "buy", "1", "101", time_in_force="IOC")
        assert (first["data"]["status"], second["data"]["status"]) == ("filled", "expired")
        feed.show(book(("100", "1"), asks=[("101", "2.5")]))
        await alice.next_of("orderbook_update")
        third = await place(bob, "buy", "1", "101", time_in_force="IOC")
        assert (third["data"]["filled_quantity"], third["data"]["reason"]) == ("0.50000000", "unfilled")


async def test_a_waiting_order_fills_after_the_queue_before_it(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server, server.client("alice") as alice:
        await follow_book(alice)
        await alice.request("subscribe", channel="user_trades")
        assert (await place(alice, "buy", "1", "100"))["data"]["status"] == "new"
        feed.tell(sold("1", "100", "0.7"), sold("2", "100", "0.7"), sold("3", "99", "0.1"))
        await alice.until(lambda seen: len(of(seen, "user_trade")) == 2)
        filled = [(t["price"], t["quantity"], t["role"], t["fee"]) for t in of(alice.seen, "user_trade")]
        assert filled == [
            ("100.00", "0.40000000", "maker", "0.00032000"),
            ("100.00", "0.10000000", "maker", "0.00008000"),
        ]


async def test_orders_are_refused_while_the_book_is_withdrawn_and_waiting_ones_stay(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server, server.client("alice") as alice:
        await follow_book(alice)
        await alice.request("subscribe", channel="user_trades")
        waiting = await place(alice, "buy", "1", "100.5", client_order_id="waits")
        feed.show(LOST)
        await alice.next(lambda each: each["data"].get("stale") is True)
        refused = await place(alice, "buy", "1", "101")
        assert (refused["data"]["code"], refused["data"]["reason"]) == ("ORDER_REJECTED", "book_stale")
        feed.show(book(("98", "1"), asks=[("100", "0.25"), ("100.4", "9")]))
        await alice.until(lambda seen: len(of(seen, "user_trade")) == 2)
        assert [(t["price"], t["quantity"], t["role"]) for t in of(alice.seen, "user_trade")] == [
            ("100.50", "0.25000000", "maker"),
            ("100.50", "0.75000000", "maker"),
        ]
        assert {t["order_id"] for t in of(alice.seen, "user_trade")} == {waiting["data"]["order_id"]}


async def test_an_order_can_be_canceled_also_without_a_book(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server, server.client("alice") as alice:
        await follow_book(alice)
        before = await balances(alice)
        order = await place(alice, "sell", "1", "105")
        feed.show(LOST)
        await alice.next(lambda each: each["data"].get("stale") is True)
        reply = await alice.request("cancel_order", order_id=order["data"]["order_id"])
        assert reply["data"]["order_ids"] == [order["data"]["order_id"]]
        assert await balances(alice) == before


async def test_accounts_orders_and_places_in_the_queue_outlive_a_restart(feed: FakeFeed, tmp_path: Path) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake", data_dir=str(tmp_path)) as server, server.client("alice") as alice:
        await follow_book(alice)
        await alice.request("subscribe", channel="trades", symbol=SYMBOL)
        await place(alice, "buy", "1", "101")
        order = await place(alice, "buy", "1", "100")
        feed.tell(sold("1", "100", "0.8"))
        await alice.next_of("trade")
        before = await balances(alice)
    assert (tmp_path / "paper-fake").is_dir()
    async with serving(source="paper:fake", data_dir=str(tmp_path)) as server, server.client("alice") as alice:
        assert await balances(alice) == before
        assert (await follow_book(alice, stale=True))["data"]["bids"] == []
        await alice.request("subscribe", channel="orders")
        assert (await alice.next_of("order_update"))["data"]["order_id"] == order["data"]["order_id"]
        last = (await alice.request("subscribe", channel="user_trades", snapshot=5))["id"]
        assert (await alice.next_of("user_trade"))["data"]["trade_id"] == "trade_1", last
        feed.show(SHOWN)
        await alice.next(lambda each: each["type"] == "orderbook_snapshot" and bool(each["data"]["bids"]))
        await alice.request("subscribe", channel="trades", symbol=SYMBOL)
        feed.tell(sold("2", "100", "0.5"))
        assert (await alice.next_of("trade"))["data"]["trade_id"] == "2"
        await alice.until(lambda seen: len(of(seen, "user_trade")) == 2)
        fill = of(alice.seen, "user_trade")[-1]
        assert (fill["trade_id"], fill["quantity"]) == ("trade_2", "0.30000000")


async def test_missed_fills_are_told_again_from_the_log(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with serving(source="paper:fake") as server:
        async with server.client("alice") as alice:
            await follow_book(alice)
            await alice.request("subscribe", channel="trades", symbol=SYMBOL)
            await alice.request("subscribe", channel="user_trades")
            feed.tell(sold("1", "100", "0.1"), sold("2", "100", "0.1"), sold("3", "100", "0.1"))
            await alice.until(lambda seen: len(of(seen, "trade")) == 3)
            for _ in range(3):
                await place(alice, "buy", "0.5", "101")
            await alice.until(lambda seen: len(of(seen, "user_trade")) == 3)
            first = next(message["id"] for message in alice.seen if message["type"] == "user_trade")
        async with server.client("alice") as alice:
            reply = await alice.request("subscribe", channel="user_trades", after=first)
            assert reply["data"]["resumed"] is True
            await alice.until(lambda seen: len(of(seen, "user_trade")) == 2)
            assert [t["trade_id"] for t in of(alice.seen, "user_trade")] == ["trade_2", "trade_3"]


async def test_the_sdk_trades_on_paper(feed: FakeFeed) -> None:
    feed.show(SHOWN)
    async with (
        serving(source="paper:fake") as server,
        server.client() as other,
        connect(server.url, token=server.token("alice")) as client,
    ):
        await follow_book(other)
        bought = await client.place_order(SYMBOL, "buy", "limit", "1", "101")
        waiting = await client.place_order(SYMBOL, "sell", "limit", "0.5", "103", post_only=True)
        assert (bought.status, waiting.status) == ("filled", "new")
        assert await client.cancel_order(waiting.order_id) == [waiting.order_id]


def sold(name: str, price: str, quantity: str) -> MarketTrade:
    """Return a trade of now whose taker sold; the feed says no time, so that it is the server's."""
    return MarketTrade(name, price, quantity, Side.SELL, None)
