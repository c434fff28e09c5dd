"""The mirror of a book: what an exchange shows again and again, as what changes."""

from collections.abc import Sequence
from functools import lru_cache

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelChange, LevelsChanged
from finalex.model.instruments import Instrument
from finalex.model.orders import Side
from finalex.sources.upstream.port import LevelText, MarketBook
from finalex.sources.upstream.problems import Problem, Report

LEVELS_MAX = 1000
"""So many levels a side are mirrored, the best: the deepest window that clients can subscribe to."""

TEXTS_CACHED_MAX = 1 << 14
"""So many parsed prices, and quantities, are kept: from one book to the next most levels stay."""

CLOCK_SKEW_MS_MAX = 10_000
"""A time of the upstream that is further from our clock is not believed."""

_Levels = dict[int, int]


class Mirror:
    """The book of one market: right, or withdrawn. It begins withdrawn.

    Prices and quantities must be whole numbers of the instrument's units: a level that cannot be said exactly is
    never rounded, and a book that has one is withdrawn. Times are the upstream's and never go back.
    """

    def __init__(self, instrument: Instrument, report: Report) -> None:
        self.live = False
        self._instrument = instrument
        self._report = report
        self._price = lru_cache(TEXTS_CACHED_MAX)(instrument.parse_price)
        self._quantity = lru_cache(TEXTS_CACHED_MAX)(instrument.parse_quantity)
        self._bids: _Levels = {}
        self._asks: _Levels = {}
        self._number: int | None = None
        self._time_ms = 0

    def take(self, book: MarketBook, now_ms: int) -> list[AnyEvent]:
        """Return what makes of the book before the one that the exchange shows now; nothing is raised."""
        if self._number is not None and book.number is not None and book.number < self._number:
            self._report(Problem.REPEATED, f"book {book.number} after book {self._number}")
            return []
        try:
            bids, asks = self._parse(book.bids), self._parse(book.asks)
            _check(bids, asks)
        except ValueError as error:
            self._report(Problem.INVALID, f"a book: {error}")
            return self.withdraw("the exchange shows a book that cannot be", now_ms)
        time_ms = self._advance(book.time_ms, now_ms)
        events: list[AnyEvent] = [self._reset(bids, asks, time_ms)]
        if self.live:
            events = self._change(bids, asks, time_ms)
        self.live, self._number, self._bids, self._asks = True, book.number, bids, asks
        return events

    def withdraw(self, reason: str, now_ms: int) -> list[AnyEvent]:
        """Give up the book until the exchange shows the next."""
        if not self.live:
            return []
        self.live, self._number = False, None
        return [self.withdrawn(reason, now_ms)]

    def withdrawn(self, reason: str, now_ms: int) -> BookWithdrawn:
        """Return the event that there is no book."""
        return BookWithdrawn(symbol=self._instrument.symbol, reason=reason, time_ms=self._advance(None, now_ms))

    def _parse(self, levels: Sequence[LevelText]) -> _Levels:
        parsed: _Levels = {}
        for price_text, quantity_text in levels[:LEVELS_MAX]:
            quantity = self._quantity(quantity_text)
            if quantity:
                price = self._price(price_text)
                parsed[price] = parsed.get(price, 0) + quantity
        return parsed

    def _reset(self, bids: _Levels, asks: _Levels, time_ms: int) -> BookReset:
        return BookReset(
            symbol=self._instrument.symbol,
            bids=sorted(bids.items(), reverse=True),
            asks=sorted(asks.items()),
            time_ms=time_ms,
        )

    def _change(self, bids: _Levels, asks: _Levels, time_ms: int) -> list[AnyEvent]:
        changes = [*_compare(Side.BUY, self._bids, bids), *_compare(Side.SELL, self._asks, asks)]
        return [LevelsChanged(symbol=self._instrument.symbol, changes=changes, time_ms=time_ms)] if changes else []

    def _advance(self, time_ms: int | None, now_ms: int) -> int:
        believed = time_ms is not None and abs(time_ms - now_ms) <= CLOCK_SKEW_MS_MAX
        self._time_ms = max(self._time_ms, time_ms if believed and time_ms is not None else now_ms)
        return self._time_ms


def _check(bids: _Levels, asks: _Levels) -> None:
    if not bids and not asks:
        raise ValueError("it is empty")
    if bids and asks and max(bids) >= min(asks):
        raise ValueError("the best bid reaches the best ask")


def _compare(side: Side, before: _Levels, after: _Levels) -> list[LevelChange]:
    gone: list[LevelChange] = [(side, price, 0) for price in before.keys() - after.keys()]
    return gone + [(side, price, quantity) for price, quantity in after.items() - before.items()]
