"""An upstream that does what a test says, and the markets that come of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from typing import TypeVar

from finalex.log.memory import MemoryLog
from finalex.model.events import AnyEvent, Batch, BookReset, BookWithdrawn, LevelsChanged
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.sources.upstream.following import Backoff
from finalex.sources.upstream.port import FeedError, LevelText, MarketBook, MarketTrade
from finalex.sources.upstream.source import UpstreamSource

START_MS = 1_700_000_040_000
"""A whole minute, at which the clock of the tests stands at first."""

SYMBOL = "BTC/USDT"
BTC = DEFAULT_INSTRUMENTS[SYMBOL]
LOST = FeedError("lost")

T = TypeVar("T")


def book(
    *bids: LevelText, asks: Sequence[LevelText] = (), at_ms: int | None = None, number: int | None = None
) -> MarketBook:
    """Return a book; `at_ms` counts from the start."""
    return MarketBook(list(bids), list(asks), None if at_ms is None else START_MS + at_ms, number)


def trade(
    name: str = "", price: str = "100", quantity: str = "1", side: Side | None = Side.BUY, at_ms: int | None = 0
) -> MarketTrade:
    """Return a trade; `at_ms` counts from the start."""
    return MarketTrade(name, price, quantity, side, None if at_ms is None else START_MS + at_ms)


class Reader:
    """Makes the book of one market of events, as everybody does who follows the log."""

    def __init__(self, symbol: str = SYMBOL) -> None:
        self._symbol = symbol
        self.levels: dict[tuple[Side, int], int] | None = None

    def read(self, events: Iterable[AnyEvent]) -> None:
        """Take in what happened."""
        for event in events:
            if getattr(event, "symbol", "") != self._symbol:
                continue
            if isinstance(event, BookReset):
                self.levels = {(Side.BUY, price): quantity for price, quantity in event.bids}
                self.levels |= {(Side.SELL, price): quantity for price, quantity in event.asks}
            elif isinstance(event, BookWithdrawn):
                self.levels = None
            elif isinstance(event, LevelsChanged):
                assert self.levels is not None, "a change of a book that is not there"
                self.levels.update({(side, price): quantity for side, price, quantity in event.changes})
                self.levels = {key: quantity for key, quantity in self.levels.items() if quantity}


class FakeFeed:
    """An exchange whose streams give what is put into them; an error breaks the stream."""

    name = "fake"

    def __init__(self, markets: Collection[str] = (SYMBOL,)) -> None:
        self.markets = markets
        self.unreachable = 0
        self.closed = False
        self.opened: Counter[tuple[str, str]] = Counter()
        self._books: dict[str, asyncio.Queue[MarketBook | FeedError]] = {}
        self._trades: dict[str, asyncio.Queue[Sequence[MarketTrade] | FeedError]] = {}

    def show(self, item: MarketBook | FeedError, symbol: str = SYMBOL) -> None:
        """Let the stream of a book give `item`."""
        self._books.setdefault(symbol, asyncio.Queue()).put_nowait(item)

    def tell(self, *trades: MarketTrade, symbol: str = SYMBOL) -> None:
        """Let the stream of trades give them together."""
        self._trades.setdefault(symbol, asyncio.Queue()).put_nowait(trades)

    def lose_trades(self, symbol: str = SYMBOL) -> None:
        """Let the stream of trades break."""
        self._trades.setdefault(symbol, asyncio.Queue()).put_nowait(LOST)

    async def open(self, symbols: Collection[str]) -> Collection[str]:
        """See `MarketFeed.open`; fails `unreachable` times."""
        if self.unreachable:
            self.unreachable -= 1
            raise FeedError("nobody there")
        return [symbol for symbol in symbols if symbol in self.markets]

    def books(self, symbol: str) -> AsyncGenerator[MarketBook, None]:
        """See `MarketFeed.books`."""
        self.opened["books", symbol] += 1
        return _stream(self._books.setdefault(symbol, asyncio.Queue()))

    def trades(self, symbol: str) -> AsyncGenerator[Sequence[MarketTrade], None]:
        """See `MarketFeed.trades`."""
        self.opened["trades", symbol] += 1
        return _stream(self._trades.setdefault(symbol, asyncio.Queue()))

    async def close(self) -> None:
        """See `MarketFeed.close`."""
        self.closed = True


async def _stream(queue: "asyncio.Queue[T | FeedError]") -> AsyncGenerator[T, None]:
    while True:
        item = await queue.get()
        if isinstance(item, FeedError):
            raise item
        yield item


class Playing:
    """An upstream source of a fake feed, its log, and a clock moved by hand."""

    def __init__(self, feed: FakeFeed | None = None, symbols: Collection[str] = (SYMBOL,), silence_ms: int = 30_000):
        self.now_ms = START_MS
        self.feed = feed or FakeFeed()
        self.problems: Counter[str] = Counter()
        self.log = MemoryLog()
        self.batches: list[Batch] = []
        self.log.follow(self.batches.append)
        self.reader = Reader()
        self.log.follow(lambda batch: self.reader.read(batch.events))
        self.delays: list[float] = []
        self.source = UpstreamSource(
            self.feed,
            Instruments([DEFAULT_INSTRUMENTS[symbol] for symbol in symbols]),
            self.log,
            lambda: self.now_ms,
            self.problems,
            silence_ms_max=silence_ms,
            new_backoff=lambda: Backoff(self._wait, lambda: 1.0),
        )

    @property
    def events(self) -> list[AnyEvent]:
        """All that has happened, without the first events: that there are no books yet."""
        return [event for batch in self.batches[1:] for event in batch.events]

    async def settle(self) -> None:
        """Let all tasks go as far as they can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def _wait(self, delay_s: float) -> None:
        self.delays.append(delay_s)
