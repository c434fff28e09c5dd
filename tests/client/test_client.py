"""The client before the double that is shipped with it: what users' own tests rely on, too."""

import asyncio
import gc
from decimal import Decimal

import pytest

from client.doubled import SYMBOL, conversing, take, until_live
from client.waiting import until
from finalex.client import (
    AuthenticationError,
    ConnectionClosedError,
    ConnectionFailedError,
    Gap,
    GapError,
    OrderRejectedError,
    OutcomeUnknownError,
    RequestFailedError,
    State,
    SubscribedAlreadyError,
    connect,
)
from finalex.client.testing import FakeServer


async def test_trades_go_on_after_a_lost_connection() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL)
        server.trade(SYMBOL, "100.00", "1")
        assert [trade.trade_id for trade in await take(trades, 1)] == ["1"]
        server.drop()
        server.trade(SYMBOL, "101.00", "1")
        server.trade(SYMBOL, "102.00", "1")
        assert [trade.price for trade in await take(trades, 2)] == ["101.00", "102.00"]
        assert server.connections == 2
        assert client.reconnects == 1


async def test_what_cannot_be_resumed_raises_and_the_iteration_goes_on() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL)
        server.trade(SYMBOL, "100.00", "1")
        await anext(trades)
        server.forget()
        server.drop()
        server.trade(SYMBOL, "101.00", "1")
        server.trade(SYMBOL, "102.00", "1")
        with pytest.raises(GapError, match="after 1"):
            await anext(trades)
        assert (await anext(trades)).trade_id == "3"
        assert trades.gaps == 1


async def test_a_gap_can_be_told_to_a_function_instead() -> None:
    server = FakeServer()
    gaps: list[Gap] = []
    async with conversing(server) as client:
        trades = client.trades(SYMBOL, on_gap=gaps.append)
        server.trade(SYMBOL, "100.00", "1")
        await anext(trades)
        server.forget()
        server.drop()
        assert (await anext(trades)).trade_id == "1"
        assert [gap.channel for gap in gaps] == ["trades"]


async def test_a_book_heals_by_itself_on_the_same_connection() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {"101.00": "1"})
    async with conversing(server) as client:
        book = client.book(SYMBOL)
        await anext(book)
        assert (book.best_bid, book.best_ask) == (("99.00", "1"), ("101.00", "1"))
        server.change_book(SYMBOL, "buy", "99.50", "2", told=False)
        server.change_book(SYMBOL, "buy", "99.00", "0")
        await anext(book)
        assert book.bids == [("99.50", "2")]
        assert (book.breaks, book.state, server.connections) == (1, State.LIVE, 1)


async def test_a_book_comes_back_whole() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {})
    async with conversing(server) as client:
        book = client.book(SYMBOL)
        await anext(book)
        server.drop()
        server.change_book(SYMBOL, "sell", "101.00", "3")
        await anext(book)
        assert book.asks == [("101.00", "3")]


async def test_an_order_whose_reply_is_lost_is_placed_once() -> None:
    server = FakeServer()
    async with conversing(server, token="any") as client:
        server.lose_replies()
        order = await client.place_order(SYMBOL, "buy", "limit", Decimal("0.5"), "100.00")
        assert order.status == "new"
        sent = [
            request["params"]["client_order_id"] for request in server.requests if request["method"] == "place_order"
        ]
        assert sent == [order.client_order_id] * 2
        assert len(server.orders) == 1
        assert await client.cancel_order(order.order_id) == [order.order_id]


async def test_one_s_own_orders_and_trades_come_in_order_over_two_connections() -> None:
    server = FakeServer()
    async with conversing(server, token="any") as client:
        orders, fills = client.orders(), client.user_trades()
        await until_live(fills)
        order = await client.place_order(SYMBOL, "sell", "limit", "1", "100.00")
        server.drop()
        server.fill(order.order_id)
        assert [version.status for version in await take(orders, 2)] == ["new", "filled"]
        assert (await anext(fills)).order_id == order.order_id


async def test_a_rejection_says_why() -> None:
    server = FakeServer()
    async with conversing(server, token="any") as client:
        server.reject_next("insufficient_funds")
        with pytest.raises(OrderRejectedError) as caught:
            await client.place_order(SYMBOL, "buy", "limit", 1, 100)
        assert caught.value.reason == "insufficient_funds"
        with pytest.raises(RequestFailedError, match="NOT_FOUND"):
            await client.cancel_order(client_order_id="none")


async def test_a_float_is_no_amount() -> None:
    async with conversing(FakeServer()) as client:
        with pytest.raises(TypeError, match="not exact"):
            await client.place_order(SYMBOL, "buy", "limit", 0.1, "1")  # type: ignore[arg-type]


async def test_an_order_without_an_outcome_says_how_to_ask_again() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        server.refuse_connections(1_000_000)
        server.drop()
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.place_order(SYMBOL, "buy", "limit", 1, 1, client_order_id="mine", timeout_s=0.05)
        assert caught.value.client_order_id == "mine"


async def test_a_token_is_got_for_each_connection_and_before_it_expires() -> None:
    server = FakeServer()
    got: list[str] = []

    async def token() -> str:
        got.append(f"token-{len(got)}")
        return got[-1]

    async with conversing(server, token=token):
        server.expire_token()
        await until(lambda: any(request["method"] == "auth" for request in server.requests))
        assert server.requests[-1]["params"] == {"token": "token-1"}
        server.drop()
        await until(lambda: server.connections == 2)
        assert got == ["token-0", "token-1", "token-2"]


async def test_refused_credentials_are_told_at_once() -> None:
    server = FakeServer()
    server.refuse_credentials()
    with pytest.raises(AuthenticationError, match="refuses these credentials"):
        async with conversing(server, token="bad"):
            pass


async def test_a_first_connection_that_fails_is_told_at_once() -> None:
    server = FakeServer()
    server.refuse_connections(1)
    with pytest.raises(ConnectionFailedError):
        async with conversing(server):
            pass


async def test_later_connections_are_tried_again() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        ticker = client.ticker(SYMBOL)
        server.refuse_connections(3)
        server.drop()
        server.ticker(SYMBOL, "100.00")
        assert (await anext(ticker)).price == "100.00"
        assert client.reconnects == 4


async def test_a_close_code_that_ends_the_client_reaches_every_iteration() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL)
        server.trade(SYMBOL, "100.00", "1")
        await until_live(trades)
        await asyncio.sleep(0)
        server.drop(1008, after_all=True)
        assert (await anext(trades)).trade_id == "1"
        with pytest.raises(ConnectionClosedError) as caught:
            await anext(trades)
        assert caught.value.code == 1008
        with pytest.raises(ConnectionClosedError):
            client.ticker(SYMBOL)


async def test_a_client_that_was_closed_ends_its_iterations() -> None:
    async with conversing(FakeServer()) as client:
        trades = client.trades(SYMBOL)
    with pytest.raises(ConnectionClosedError, match="was closed"):
        await anext(trades)


async def test_a_stream_can_be_had_again_after_its_subscription_has_ended() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        async with client.trades(SYMBOL) as trades:
            with pytest.raises(SubscribedAlreadyError):
                client.trades(SYMBOL)
        with pytest.raises(StopAsyncIteration):
            await anext(trades)
        again = client.trades(SYMBOL)
        server.trade(SYMBOL, "100.00", "1")
        assert (await anext(again)).trade_id == "1"


async def test_a_subscription_that_nobody_holds_is_ended() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        server.ticker(SYMBOL, "1.00")
        async for _ in client.ticker(SYMBOL):
            break
        gc.collect()
        await until(lambda: any(request["method"] == "unsubscribe" for request in server.requests))
        assert server.requests[-1]["params"]["symbol"] == SYMBOL


async def test_closed_candles_missed_while_away_are_told() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        candles = client.klines(SYMBOL, "1m")
        await until_live(candles)
        server.candle(SYMBOL, "1m", 0, "1.00")
        assert (await anext(candles)).open_time == 0
        server.drop()
        server.candle(SYMBOL, "1m", 0, "2.00", closed=True)
        server.candle(SYMBOL, "1m", 60_000, "3.00")
        told = [(candle.open_time, candle.is_closed) for candle in await take(candles, 2)]
        assert told == [(0, True), (60_000, False)]


@pytest.mark.parametrize("url", ["http://localhost", "localhost:8081", "ws://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ws://HOST:PORT"):
        connect(url)


def test_two_kinds_of_credentials_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        connect("ws://localhost", token="a", api_key="b")


def test_a_depth_or_interval_that_does_not_exist_is_refused() -> None:
    client = connect("ws://localhost")
    with pytest.raises(ValueError, match="depth must be one of"):
        client.book(SYMBOL, 7)
    with pytest.raises(ValueError, match="interval must be one of"):
        client.klines(SYMBOL, "7m")
