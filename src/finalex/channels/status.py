"""`status`: what each market takes, and whether its book can be trusted."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from finalex.channels.channel import Channel, Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.parameters import optional_symbol
from finalex.exchange.state import ExchangeState
from finalex.market.depth import DepthBook
from finalex.model.events import BookReset, BookWithdrawn, LevelsChanged, MarketStateChanged
from finalex.model.instruments import Instruments
from finalex.model.states import MarketState
from finalex.protocol.messages import Publication, StatusData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class LastStatus(msgspec.Struct, frozen=True, array_like=True):
    """Where in the log and when a market's status changed last, and whether its book was withdrawn then."""

    sequence: int = 0
    time_ms: int = 0
    stale: bool = False


_AT_FIRST = LastStatus()


class SavedStatus(SavedChannel, frozen=True):
    """The last change of each market that had one."""

    last: dict[str, LastStatus]


class StatusChannel(Channel):
    """Publishes the whole status of a market whenever a part of it changes; several changes of a batch are one.

    A subscription without a symbol is of all markets.
    """

    name = "status"
    saved = SavedStatus

    def __init__(self, instruments: Instruments, state: ExchangeState, books: Mapping[str, DepthBook]) -> None:
        self._instruments = instruments
        self._state = state
        self._books = books
        self._streams = {symbol: (Stream(self.name, symbol), Stream(self.name)) for symbol in instruments}
        self._last: dict[str, LastStatus] = {}
        self._touched: dict[str, None] = {}
        self._unreachable: str | None = None

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        book = self._look_at_book
        return {MarketStateChanged: self._change, BookReset: book, BookWithdrawn: book, LevelsChanged: book}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        return Stream(self.name, optional_symbol(subscription.symbol, self._instruments))

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the present status of the market, or of all."""
        symbols = [newcomer.stream.symbol] if newcomer.stream.symbol else list(self._instruments)
        return [self._publication(symbol, (newcomer.stream,), newcomer.time_ms, ":snapshot") for symbol in symbols]

    def finish(self, turn: Turn) -> None:
        """Publish what changed."""
        if not self._touched:
            return
        for symbol in self._touched:
            self._last[symbol] = LastStatus(turn.sequence, turn.time_ms, self._books[symbol].stale)
            streams = tuple(stream for stream in self._streams[symbol] if stream in turn.wanted)
            if streams:
                turn.publications.append(self._publication(symbol, streams, turn.time_ms))
        self._touched.clear()

    def overrule(self, reason: str | None, turn: Turn) -> None:
        """Call every market halted for a `reason` that is not in the log, until `None`; publish that for all of them.

        What is published for this alone has ids of its own, which say whether and since when markets are overruled.
        """
        self._unreachable = reason
        part = f":{'back' if reason is None else reason}:{turn.sequence}"
        for symbol in self._instruments:
            streams = tuple(stream for stream in self._streams[symbol] if stream in turn.wanted)
            if streams:
                turn.publications.append(self._publication(symbol, streams, turn.time_ms, part))

    def save(self) -> SavedStatus:
        """See `Channel.save`."""
        return SavedStatus(dict(self._last))

    def load(self, saved: SavedStatus) -> None:
        """See `Channel.load`."""
        self._last.update(saved.last)

    def _change(self, _turn: Turn, event: MarketStateChanged) -> None:
        self._touched[event.symbol] = None

    def _look_at_book(self, _turn: Turn, event: BookReset | BookWithdrawn | LevelsChanged) -> None:
        symbol = event.symbol
        if self._books[symbol].stale is not self._last.get(symbol, _AT_FIRST).stale:
            self._touched[symbol] = None

    def _publication(self, symbol: str, streams: tuple[Stream, ...], now_ms: int, part: str = "") -> Publication:
        last, halt = self._last.get(symbol, _AT_FIRST), self._state.halt(symbol)
        data = StatusData(
            symbol=symbol,
            state=halt.state if self._unreachable is None else MarketState.HALTED,
            book="withdrawn" if self._books[symbol].stale else "live",
            reason=self._unreachable or halt.reason or UNSET,
            timestamp=(last.time_ms if self._unreachable is None else 0) or now_ms,
        )
        return Publication(streams, f"{self.name}:{symbol}:{last.sequence}{part}", "status", data)
