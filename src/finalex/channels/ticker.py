"""`ticker`: the last price, the best bid and ask, and the rolling 24 hours of a symbol."""

from collections.abc import Mapping

import msgspec

from finalex.channels.channel import Channel, Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.pacing import Pacing, SavedPacing
from finalex.channels.parameters import require_symbol
from finalex.market.depth import DepthBook
from finalex.market.ticker import RollingDay, SavedDay
from finalex.model.decimals import AMOUNT_DECIMALS, divide_rounded, format_units
from finalex.model.events import BookReset, BookWithdrawn, LevelsChanged, OrderEnded, OrderRested, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.protocol.messages import Publication, TickerData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

_PERCENT_DECIMALS = 2


class _Market:
    """A symbol's 24 hours and its best prices (0 for none), and where in the log and when they changed last."""

    __slots__ = ("ask", "bid", "book", "changed_ms", "day", "instrument", "sequence", "stream")

    def __init__(self, instrument: Instrument, stream: Stream, book: DepthBook) -> None:
        self.instrument = instrument
        self.stream = stream
        self.book = book
        self.day = RollingDay()
        self.bid = self.ask = 0
        self.sequence = self.changed_ms = 0


class SavedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's 24 hours and best prices, and where in the log and when they changed last."""

    day: SavedDay
    bid: int
    ask: int
    sequence: int
    changed_ms: int


class SavedTicker(SavedChannel, frozen=True):
    """The tickers of all symbols, and when they were published last."""

    markets: dict[str, SavedMarket]
    pacing: SavedPacing


class TickerChannel(Channel):
    """Publishes a symbol's ticker when it changes, at most so often; nothing before the first trade.

    A side of the book without orders shows as price zero. Two tickers of one symbol with the same id are equal:
    it names the batch of the log that changed the ticker last.
    """

    name = "ticker"
    saved = SavedTicker

    def __init__(self, instruments: Instruments, books: Mapping[str, DepthBook], interval_ms: int) -> None:
        self._instruments = instruments
        self._pacing = Pacing(interval_ms)
        self._markets = {s: _Market(i, Stream(self.name, s), books[s]) for s, i in instruments.items()}

    def handlers(self) -> Handlers:
        """Return what to call for which event, once the `orderbook` channel has applied it to the book."""
        return {
            Traded: self._trade,
            OrderRested: self._book,
            OrderEnded: self._book,
            LevelsChanged: self._book,
            BookReset: self._book,
            BookWithdrawn: self._book,
        }

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        return self._markets[require_symbol(subscription.symbol, self._instruments)].stream

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the ticker as it is now, if there was a trade yet."""
        market = self._markets[newcomer.stream.symbol]
        return [_publication(market)] if market.sequence else []

    def advance(self, turn: Turn) -> None:
        """Roll the 24 hours."""
        for market in self._markets.values():
            if market.day.roll(turn.time_ms):
                self._touch(turn, market, turn.time_ms)

    def finish(self, turn: Turn) -> None:
        """Publish the tickers that are due."""
        for symbol in self._pacing.take_due(turn.time_ms):
            market = self._markets[symbol]
            if market.stream in turn.wanted:
                turn.publications.append(_publication(market))

    def save(self) -> SavedTicker:
        """See `Channel.save`; the books are the `orderbook` channel's."""
        markets = {
            symbol: SavedMarket(day=m.day.save(), bid=m.bid, ask=m.ask, sequence=m.sequence, changed_ms=m.changed_ms)
            for symbol, m in self._markets.items()
        }
        return SavedTicker(markets, self._pacing.save())

    def load(self, saved: SavedTicker) -> None:
        """See `Channel.load`."""
        self._pacing.load(saved.pacing)
        for symbol, was in saved.markets.items():
            market = self._markets[symbol]
            market.day.load(was.day)
            market.bid, market.ask = was.bid, was.ask
            market.sequence, market.changed_ms = was.sequence, was.changed_ms

    def _trade(self, turn: Turn, trade: Traded) -> None:
        market = self._markets[trade.symbol]
        market.day.add(trade.price, trade.quantity, trade.time_ms)
        market.bid, market.ask = market.book.bids.best, market.book.asks.best
        self._touch(turn, market, trade.time_ms)

    def _book(self, turn: Turn, event: OrderRested | OrderEnded | LevelsChanged | BookReset | BookWithdrawn) -> None:
        market = self._markets[event.symbol]
        bid, ask = market.book.bids.best, market.book.asks.best
        if bid == market.bid and ask == market.ask:
            return
        market.bid, market.ask = bid, ask
        if market.sequence:
            self._touch(turn, market, event.time_ms)

    def _touch(self, turn: Turn, market: _Market, time_ms: int) -> None:
        market.sequence = turn.sequence
        market.changed_ms = max(market.changed_ms, time_ms)
        self._pacing.touch(market.instrument.symbol)


def _publication(market: _Market) -> Publication:
    day, instrument = market.day, market.instrument
    change = day.last - day.open
    percent = divide_rounded(change * 100 * 10**_PERCENT_DECIMALS, day.open)
    data = TickerData(
        symbol=instrument.symbol,
        price=instrument.price_text(day.last),
        change_24h=instrument.price_text(change),
        change_percent_24h=format_units(percent, _PERCENT_DECIMALS),
        volume_24h=instrument.quantity_text(day.volume),
        quote_volume_24h=format_units(instrument.notional(day.value, 1), AMOUNT_DECIMALS),
        high_24h=instrument.price_text(day.high),
        low_24h=instrument.price_text(day.low),
        bid=instrument.price_text(market.bid),
        ask=instrument.price_text(market.ask),
        timestamp=market.changed_ms,
    )
    return Publication((market.stream,), f"ticker:{instrument.symbol}:{market.sequence}", "ticker", data)
