"""`kline`: candles of fifteen intervals."""

from collections.abc import Mapping, Sequence

import msgspec

from finalex.channels.channel import Channel, Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.pacing import Pacing, SavedPacing
from finalex.channels.parameters import past_count, quote, require_symbol
from finalex.market.candles import Candle, Candles, SavedCandles
from finalex.model.events import Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import KlineData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import HISTORY_MAX, INTERVAL_DEFAULT, INTERVALS, Stream

_ALL = frozenset(INTERVALS)


class _Market:
    """A symbol's candles, its streams by interval, and the intervals that changed since they were published."""

    __slots__ = ("candles", "changed", "instrument", "streams")

    def __init__(self, instrument: Instrument, streams: Mapping[str, Stream]) -> None:
        self.instrument = instrument
        self.streams = streams
        self.candles = Candles(HISTORY_MAX)
        self.changed: frozenset[str] = frozenset()


class SavedMarket(msgspec.Struct, frozen=True):
    """A symbol's candles and the intervals that changed since they were published."""

    candles: SavedCandles
    changed: list[str]


class SavedKline(SavedChannel, frozen=True):
    """The candles of all symbols, and when they were published last."""

    markets: dict[str, SavedMarket]
    pacing: SavedPacing


class KlineChannel(Channel):
    """Publishes the running candles when they change, at most so often, and each once more when it ends.

    The last message of a candle (`is_closed`) is sent at once. After a gap in time each empty candle in it gets
    its own, but for those that the history (`HISTORY_MAX`) could not hold either.
    """

    name = "kline"
    saved = SavedKline

    def __init__(self, instruments: Instruments, interval_ms: int) -> None:
        self._instruments = instruments
        self._pacing = Pacing(interval_ms)
        self._markets = {
            symbol: _Market(instrument, {name: Stream(self.name, symbol, interval=name) for name in INTERVALS})
            for symbol, instrument in instruments.items()
        }

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        symbol = require_symbol(subscription.symbol, self._instruments)
        past_count("history", subscription.history)
        interval = INTERVAL_DEFAULT if subscription.interval is None else subscription.interval
        if interval not in INTERVALS:
            allowed = ", ".join(INTERVALS)
            raise RequestError(ErrorCode.INVALID_INTERVAL, f"Interval {quote(interval)} is not one of: {allowed}")
        return self._markets[symbol].streams[interval]

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return as many closed candles as `history` says, oldest first, then the running one if there is one."""
        market = self._markets[newcomer.stream.symbol]
        closed = market.candles.history(newcomer.stream.interval, past_count("history", newcomer.subscription.history))
        running = market.candles.current(newcomer.stream.interval)
        publications = [_publication(market, candle, is_closed=True) for candle in closed]
        return publications + ([_publication(market, running, is_closed=False)] if running else [])

    def advance(self, turn: Turn) -> None:
        """End the candles whose time is over."""
        for symbol, market in self._markets.items():
            closed = market.candles.advance(turn.time_ms, turn.sequence)
            if closed:
                self._close(turn, market, closed)
                self._pacing.touch(symbol)

    def finish(self, turn: Turn) -> None:
        """Publish the running candles that are due."""
        for symbol in self._pacing.take_due(turn.time_ms):
            market = self._markets[symbol]
            changed, market.changed = market.changed, frozenset()
            for interval, stream in market.streams.items():
                if interval in changed and stream in turn.wanted:
                    candle = market.candles.current(interval)
                    if candle is not None:
                        turn.publications.append(_publication(market, candle, is_closed=False))

    def counters(self) -> Mapping[str, int]:
        """Return how many trades were of an earlier minute than the running one."""
        return {"late_trades": sum(market.candles.late_trades for market in self._markets.values())}

    def save(self) -> SavedKline:
        """See `Channel.save`."""
        markets = {s: SavedMarket(m.candles.save(), sorted(m.changed)) for s, m in self._markets.items()}
        return SavedKline(markets, self._pacing.save())

    def load(self, saved: SavedKline) -> None:
        """See `Channel.load`."""
        self._pacing.load(saved.pacing)
        for symbol, market in saved.markets.items():
            self._markets[symbol].candles.load(market.candles)
            self._markets[symbol].changed = frozenset(market.changed)

    def _trade(self, turn: Turn, trade: Traded) -> None:
        market = self._markets[trade.symbol]
        closed = market.candles.add(trade.price, trade.quantity, trade.time_ms, turn.sequence)
        if closed:
            self._close(turn, market, closed)
        market.changed = _ALL
        self._pacing.touch(trade.symbol)

    def _close(self, turn: Turn, market: _Market, closed: Sequence[Candle]) -> None:
        """Publish the end of candles; those that run in their place are new."""
        market.changed |= {candle.interval for candle in closed}
        for candle in closed:
            if market.streams[candle.interval] in turn.wanted:
                turn.publications.append(_publication(market, candle, is_closed=True))


def _publication(market: _Market, candle: Candle, *, is_closed: bool) -> Publication:
    symbol, price_text = market.instrument.symbol, market.instrument.price_text
    data = KlineData(
        symbol=symbol,
        interval=candle.interval,
        open_time=candle.open_ms,
        close_time=candle.close_ms,
        open=price_text(candle.open),
        high=price_text(candle.high),
        low=price_text(candle.low),
        close=price_text(candle.close),
        volume=market.instrument.quantity_text(candle.volume),
        is_closed=is_closed,
    )
    name = f"kline:{symbol}:{candle.interval}:{candle.open_ms}:{candle.sequence}"
    return Publication((market.streams[candle.interval],), name, "kline", data)
