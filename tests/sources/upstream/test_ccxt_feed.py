"""What ccxt says, as an upstream; without ccxt itself."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from finalex.model.orders import Side
from finalex.sources.upstream.ccxt_feed import KEEP_ALIVE_MS_MAX, REASON_LENGTH_MAX, CcxtFeed, open_feed
from finalex.sources.upstream.port import FeedError, MarketBook, MarketTrade, UpstreamError
from sources.upstream.test_connections import Exchange as Listened

SPOT = {"BTC/USDT": {}, "BTC/USDT:USDT": {"contractSize": 1}}
SWAP = {"BTC/USDT:USDT": {"contractSize": 1}, "ETH/USDT:USDT": {"contractSize": 0.01}}


class Exchange(Listened):
    """As much of an exchange of ccxt as is used; `answers` are what it says in turn, or raises."""

    id = "fake"

    def __init__(self, *answers: Any, markets: Any = SPOT) -> None:
        super().__init__()
        self.has = {"watchOrderBook": True, "watchTrades": True}
        self.streaming = {"keepAlive": 180_000, "maxPingPongMisses": 2}
        self.asked: list[str] = []
        self.closed = False
        self.lose_after_answer = False
        self._answers = iter(answers)
        self._markets = markets

    async def load_markets(self) -> Any:
        if isinstance(self._markets, BaseException):
            raise self._markets
        return self._markets

    async def watch_order_book(self, symbol: str) -> Any:
        return await self._answer(symbol)

    async def watch_trades(self, symbol: str) -> Any:
        return await self._answer(symbol)

    async def close(self) -> None:
        self.closed = True

    async def _answer(self, symbol: str) -> Any:
        self.watch("ws://fake", symbol)
        self.asked.append(symbol)
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        if self.lose_after_answer:
            client = type("Client", (), {"url": "ws://fake"})
            self.clients = {"ws://fake": client}
            self.on_close(client, 1006)
        return answer


def order_book(**changes: Any) -> dict[str, Any]:
    return {"bids": [[99.5, 1.25], [99, 2.0, 7]], "asks": [], "timestamp": 1_700_000_000_000, "nonce": 5} | changes


async def opened(exchange: Exchange) -> CcxtFeed:
    feed = CcxtFeed(exchange)
    await feed.open(["BTC/USDT"])
    return feed


async def test_books_come_as_text() -> None:
    feed = await opened(Exchange(order_book(), order_book(timestamp=None, nonce=None)))
    books = feed.books("BTC/USDT")
    bids = [("99.5", "1.25"), ("99", "2")]
    first = await anext(books)
    assert [(price, quantity.removesuffix(".0")) for price, quantity in first.bids] == bids
    assert first == MarketBook(first.bids, [], 1_700_000_000_000, 5)
    assert await anext(books) == MarketBook(first.bids, [], None, None)
    await books.aclose()


async def test_trades_come_as_text() -> None:
    known = {"id": "7", "price": 99.5, "amount": 0.001, "side": "sell", "timestamp": 1_700_000_000_000}
    unknown = {"id": None, "price": "0.1", "amount": None, "side": None, "timestamp": None}
    feed = await opened(Exchange([known, unknown]))
    trades = feed.trades("BTC/USDT")
    first, second = await anext(trades)
    assert first == MarketTrade("7", "99.5", "0.001", Side.SELL, 1_700_000_000_000)
    assert second[0] == ""
    assert second[1] == "0.1"
    assert second.quantity.startswith("not a number")
    assert second[3:] == (None, None)
    await trades.aclose()


@pytest.mark.parametrize(
    "answer",
    [None, [], {"bids": []}, order_book(bids=[[1]]), order_book(asks=[None]), order_book(timestamp=float("nan"))],
)
async def test_a_book_that_cannot_be_read_breaks_the_stream(answer: Any) -> None:
    feed = await opened(Exchange(answer))
    with pytest.raises(FeedError, match="cannot be read"):
        await anext(feed.books("BTC/USDT"))


async def test_what_ccxt_raises_breaks_the_stream_with_one_line() -> None:
    feed = await opened(Exchange(RuntimeError("checksum\n" + "x" * 1000)))
    with pytest.raises(FeedError) as caught:
        await anext(feed.trades("BTC/USDT"))
    assert str(caught.value).startswith("RuntimeError: checksum xxx")
    assert len(str(caught.value)) == REASON_LENGTH_MAX


async def test_a_connection_that_is_lost_with_its_last_message_breaks_the_stream_after_it() -> None:
    exchange = Exchange(order_book(), order_book())
    feed = await opened(exchange)
    exchange.lose_after_answer = True
    books = feed.books("BTC/USDT")
    assert (await anext(books)).number == 5
    with pytest.raises(FeedError, match="the connection was lost"):
        await anext(books)


async def test_a_wait_that_ccxt_cancels_breaks_the_stream() -> None:
    feed = await opened(Exchange(asyncio.CancelledError()))
    with pytest.raises(FeedError, match="closed"):
        await anext(feed.books("BTC/USDT"))


async def test_a_cancelled_task_is_cancelled() -> None:
    exchange = Exchange()
    feed = await opened(exchange)
    waiting = asyncio.Event()

    async def wait(_: str) -> None:
        waiting.set()
        await asyncio.Event().wait()

    exchange.watch_trades = wait  # type: ignore[assignment, method-assign]

    async def read() -> None:
        await anext(feed.trades("BTC/USDT"))

    task = asyncio.create_task(read())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("markets", "asked"), [(SPOT, "BTC/USDT"), (SWAP, "BTC/USDT:USDT")])
async def test_a_symbol_is_a_spot_market_or_else_a_perpetual_of_whole_units(markets: Any, asked: str) -> None:
    exchange = Exchange(order_book(), markets=markets)
    feed = CcxtFeed(exchange)
    assert list(await feed.open(["BTC/USDT", "ETH/USDT", "XRP/USDT"])) == ["BTC/USDT"]
    books = feed.books("BTC/USDT")
    await anext(books)
    await books.aclose()
    assert exchange.asked == [asked]


@pytest.mark.parametrize("markets", [OSError("no route"), None])
async def test_markets_that_cannot_be_loaded_can_be_tried_again(markets: Any) -> None:
    with pytest.raises(FeedError):
        await CcxtFeed(Exchange(markets=markets)).open(["BTC/USDT"])


async def test_connections_are_asked_often_whether_they_are_there() -> None:
    exchange = Exchange()
    feed = CcxtFeed(exchange)
    assert exchange.streaming == {"keepAlive": KEEP_ALIVE_MS_MAX, "maxPingPongMisses": 2}
    await feed.close()
    assert exchange.closed


def test_an_exchange_that_streams_no_books_is_no_upstream() -> None:
    exchange = Exchange()
    exchange.has["watchOrderBook"] = False
    with pytest.raises(UpstreamError, match="ccxt cannot watchOrderBook of 'fake'"):
        CcxtFeed(exchange)


def test_without_ccxt_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    with pytest.raises(UpstreamError, match=r"pip install 'finalex\[upstream\]'"):
        open_feed("binance")


def test_an_exchange_is_opened_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def make(settings: Any) -> Exchange:
        made.append(settings)
        return Exchange()

    library: Callable[..., Any] = type("Library", (), {"exchanges": ["fake", "other"], "fake": staticmethod(make)})
    monkeypatch.setitem(sys.modules, "ccxt", library)
    monkeypatch.setitem(sys.modules, "ccxt.pro", library)
    assert open_feed("fake").name == "fake"
    assert made == [{"newUpdates": True}]
    with pytest.raises(UpstreamError, match="no exchange 'exchanges', but: fake, other"):
        open_feed("exchanges")
