"""`trades`: every trade of a symbol."""

from typing import NamedTuple

from finalex.channels.channel import Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.journal import Memory
from finalex.channels.parameters import past_count, require_symbol
from finalex.channels.places import TradePlace, trade_place
from finalex.channels.resumable import Missing, ResumableChannel
from finalex.market.trades import Tape
from finalex.model.events import Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.protocol.messages import Publication, TradeData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class _Market(NamedTuple):
    instrument: Instrument
    stream: Stream
    tape: Tape


class SavedTrades(SavedChannel, frozen=True):
    """The last trades of each symbol, oldest first."""

    tapes: dict[str, list[Traded]]


class TradesChannel(ResumableChannel[TradePlace, Traded]):
    """Publishes each trade as it happens; a subscriber may ask for the last ones first (`snapshot`)."""

    name = "trades"
    saved = SavedTrades

    def __init__(self, instruments: Instruments, memory: Memory) -> None:
        self._instruments = instruments
        self._markets = {s: _Market(i, Stream(self.name, s), Tape(memory.trades_max)) for s, i in instruments.items()}

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        symbol = require_symbol(subscription.symbol, self._instruments)
        past_count("snapshot", subscription.snapshot)
        return self._markets[symbol].stream

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the last trades, oldest first, as many as `snapshot` says."""
        market = self._markets[newcomer.stream.symbol]
        past = market.tape.last(past_count("snapshot", newcomer.subscription.snapshot))
        return [_publication(market, trade) for trade in past]

    def _trade(self, turn: Turn, trade: Traded) -> None:
        market = self._markets[trade.symbol]
        market.tape.add(trade)
        if market.stream in turn.wanted:
            turn.publications.append(_publication(market, trade))

    def place(self, stream: Stream, text: str) -> TradePlace:
        """See `ResumableChannel.place`."""
        return trade_place(self.name, stream.symbol, text)

    def entries(self, stream: Stream, place: TradePlace, sequence: int) -> list[Traded] | Missing:  # noqa: ARG002
        """See `ResumableChannel.entries`."""
        tape = self._markets[stream.symbol].tape
        if place.trade > tape.number:
            return Missing.FUTURE
        trades = tape.since(place.trade)
        return Missing.OLD if trades is None else trades

    def publication(self, entry: Traded) -> Publication:
        """See `ResumableChannel.publication`."""
        return _publication(self._markets[entry.symbol], entry)

    def number(self, stream: Stream) -> int:
        """See `ResumableChannel.number`."""
        return self._markets[stream.symbol].tape.number

    def save(self) -> SavedTrades:
        """See `Channel.save`."""
        return SavedTrades({symbol: market.tape.save() for symbol, market in self._markets.items()})

    def load(self, saved: SavedTrades) -> None:
        """See `Channel.load`."""
        for symbol, tape in saved.tapes.items():
            self._markets[symbol].tape.load(tape)


def _publication(market: _Market, trade: Traded) -> Publication:
    data = TradeData(
        symbol=trade.symbol,
        trade_id=str(trade.trade),
        price=market.instrument.price_text(trade.price),
        quantity=market.instrument.quantity_text(trade.quantity),
        side=trade.side,
        timestamp=trade.time_ms,
    )
    return Publication((market.stream,), f"trades:{trade.symbol}:{trade.trade}", "trade", data)
