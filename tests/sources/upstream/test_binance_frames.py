"""Recorded frames of Binance, played by a local server through ccxt: with lost connections, gaps and garbage."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest

from finalex.model.events import Batch, BookWithdrawn, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import Side
from finalex.sources.upstream.ccxt_feed import CcxtFeed
from finalex.sources.upstream.following import Backoff
from finalex.sources.upstream.port import FeedError
from finalex.sources.upstream.source import UpstreamSource
from sources.upstream.binance_server import BinanceServer, Captured
from sources.upstream.playing import BTC, SYMBOL, Playing, Reader
from support.recordings import recording

pytestmark = pytest.mark.filterwarnings("default")  # ccxt and what it needs warn of things of their own

WAIT_S = 20.0
"""How long a test waits for what must come; only a failing test waits so long."""

DEPTH = 100
"""So many levels a side are compared: far fewer than the 1,000 with which ccxt begins a book."""

UPDATES = 500
TRADES = 1_500
SPOT = "l2/binance_spot_btcusdt_20240808.gz"
FUTURES = "l2/binance_usdm_btcusdt_20240718.gz"

Row = tuple[int, int, Side, int]


def make_exchange(name: str, port: int) -> Any:
    """Return ccxt's exchange, which takes the local server for Binance."""
    try:
        library = import_module("ccxt.pro")
    except ImportError:
        pytest.skip("ccxt is not installed: pip install 'finalex[upstream]'")
    kinds = ["spot"] if name == "binance" else ["linear"]
    exchange = getattr(library, name)({"newUpdates": True, "options": {"fetchMarkets": {"types": kinds}}})
    exchange.urls = localize(exchange.urls, port)
    return exchange


def localize(place: Any, port: int) -> Any:
    """Return addresses with all their hosts replaced by the local server; what the host was begins the path."""
    if isinstance(place, dict):
        return {name: localize(each, port) for name, each in place.items()}
    if not isinstance(place, str):
        return place
    address = urlsplit(place)
    scheme = "ws" if address.scheme.startswith("ws") else "http"
    return f"{scheme}://127.0.0.1:{port}/{address.netloc.partition('.')[0]}{address.path}"


class Mirroring:
    """An upstream source of the local server, and what it wrote; its clock is that of the trades that came."""

    def __init__(self, server: BinanceServer, name: str) -> None:
        self.server = server
        self.playing = Playing()
        self.reader = Reader()
        self.trades: list[Traded] = []
        self.withdrawals: list[str] = []
        self._moved = asyncio.Event()
        self._now_ms = server.captured.trades[0]["T"]
        self.playing.log.follow(self._follow)
        self.source = UpstreamSource(
            CcxtFeed(make_exchange(name, server.port)),
            Instruments([BTC]),
            self.playing.log,
            lambda: self._now_ms,
            self.playing.problems,
            silence_ms_max=1 << 40,  # the clock follows the trades, the books come when they like
            new_backoff=lambda: Backoff(lambda delay_s: asyncio.sleep(delay_s / 10)),
        )

    @property
    def problems(self) -> dict[str, int]:
        return dict(self.playing.problems)

    async def finish(self) -> None:
        """Wait until the book and the trades are all that the server has sent."""
        for done in self.server.done.values():
            await asyncio.wait_for(done.wait(), WAIT_S)
        count = len(self.server.captured.trades)
        await self.until(lambda: len(self.trades) == count and self.best() == self.expected_best())

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what was written is `enough`."""
        async with asyncio.timeout(WAIT_S):
            while not enough():
                self._moved.clear()
                await self._moved.wait()

    def best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]] | None:
        """Return the best levels of both sides."""
        if self.reader.levels is None:
            return None
        bids = sorted(((p, q) for (side, p), q in self.reader.levels.items() if side is Side.BUY), reverse=True)
        asks = sorted((p, q) for (side, p), q in self.reader.levels.items() if side is Side.SELL)
        return bids[:DEPTH], asks[:DEPTH]

    def expected_best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the best levels of the server."""
        bids, asks = self.server.best(DEPTH)
        return units(bids), units(asks)

    def _follow(self, batch: Batch) -> None:
        self.reader.read(batch.events)
        for event in batch.events:
            if isinstance(event, Traded):
                self.trades.append(event)
                self._now_ms = max(self._now_ms, event.time_ms)
                self.server.receive(len(self.trades))
            elif isinstance(event, BookWithdrawn):
                self.withdrawals.append(event.reason)
        self._moved.set()


def units(levels: list[tuple[str, str]]) -> list[tuple[int, int]]:
    return [(BTC.parse_price(price), BTC.parse_quantity(quantity)) for price, quantity in levels]


def sent(server: BinanceServer) -> list[Row]:
    """Return all trades as the server has them."""
    return [
        (BTC.parse_price(t["p"]), BTC.parse_quantity(t["q"]), Side.SELL if t["m"] else Side.BUY, t["T"])
        for t in server.captured.trades
    ]


def came(mirroring: Mirroring) -> list[Row]:
    """Return all trades as they were written."""
    assert [trade.trade for trade in mirroring.trades] == list(range(1, len(mirroring.trades) + 1))
    return [(trade.price, trade.quantity, trade.side, trade.time_ms) for trade in mirroring.trades]


@asynccontextmanager
async def mirroring(server: BinanceServer, name: str = "binance") -> AsyncIterator[Mirroring]:
    async with server.running():
        mirror = Mirroring(server, name)
        task = asyncio.create_task(mirror.source.run())
        try:
            yield mirror
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled(), task.exception()


@pytest.fixture(scope="module")
def spot() -> Captured:
    return Captured(recording(SPOT), UPDATES, TRADES)


@pytest.mark.parametrize(("name", "file"), [("binance", SPOT), ("binanceusdm", FUTURES)])
async def test_books_and_trades_are_exactly_those_of_the_exchange(name: str, file: str) -> None:
    server = BinanceServer(Captured(recording(file), UPDATES, TRADES))
    async with mirroring(server, name) as mirror:
        await mirror.finish()
        assert came(mirror) == sent(server)
        assert len(mirror.withdrawals) == 1
        assert mirror.problems.keys() <= {"upstream_repeated"}
        assert mirror.source.live == {SYMBOL: True}


async def test_lost_connections_lose_no_trade_and_begin_the_book_anew(spot: Captured) -> None:
    server = BinanceServer(spot)
    server.lost_before = {(kind, index) for kind in ("depth", "trade") for index in (3, 100, 101, 300, 490)}
    async with mirroring(server) as mirror:
        await mirror.finish()
        assert came(mirror) == sent(server)
        assert mirror.problems["upstream_disconnected"] >= 10
        assert mirror.problems.keys() <= {"upstream_disconnected", "upstream_repeated"}


async def test_a_lost_connection_withdraws_the_book_until_it_is_back(spot: Captured) -> None:
    server = BinanceServer(spot)
    async with mirroring(server) as mirror:
        await mirror.until(lambda: mirror.reader.levels is not None)
        server.hang_up("depth")
        await mirror.until(lambda: len(mirror.withdrawals) == 2)
        assert "the upstream is disconnected" in mirror.withdrawals[1]
        await mirror.finish()


async def test_a_missing_update_withdraws_the_book_until_it_is_right_again(spot: Captured) -> None:
    server = BinanceServer(spot)
    async with mirroring(server) as mirror:
        await mirror.until(lambda: mirror.reader.levels is not None)
        server.skips = 1
        await mirror.until(lambda: len(mirror.withdrawals) == 2)
        assert "ChecksumError" in mirror.withdrawals[1]
        await mirror.finish()


async def test_garbage_is_survived(spot: Captured) -> None:
    server = BinanceServer(spot)
    garbage: list[str | bytes] = [
        "no json",
        '{"e":"depthUpdate","s":"BTCUSDT"',
        '{"e":"depthUpdate","s":"BTCUSDT"}',
        '{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":99999999999999,"b":[["x","y"]],"a":null}',
        '{"e":"trade","s":"BTCUSDT"}',
        '{"e":"trade","s":"BTCUSDT","t":1,"p":"abc","q":{},"T":"soon"}',
        '{"e":"trade","s":"NOBODY","t":1,"p":"1","q":"1","T":1}',
        "[]",
        "null",
        "",
        b"\x00\xff\xfe",
        "[" * 5000,
    ]
    server.garbage = {
        (kind, 30 * (index + 1)): text for kind in ("depth", "trade") for index, text in enumerate(garbage)
    }
    async with mirroring(server) as mirror:
        await mirror.finish()
        assert came(mirror) == sent(server)
        assert not server.garbage


async def test_an_exchange_that_is_out_of_order_at_first_is_waited_for(spot: Captured) -> None:
    server = BinanceServer(spot)
    server.out_of_order = 3
    async with mirroring(server) as mirror:
        await mirror.finish()
        assert came(mirror) == sent(server)


async def test_what_ccxt_still_does_when_it_is_closed_opens_nothing() -> None:
    exchange = make_exchange("binance", 1)
    feed = CcxtFeed(exchange)
    await feed.close()
    with pytest.raises(FeedError, match="the exchange was closed"):
        await exchange.fetch("http://127.0.0.1:1/")
    assert exchange.session is None
