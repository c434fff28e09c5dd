"""`orderbook`: a symbol's book as a snapshot and updates of single levels, in eight depths."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from finalex.channels.channel import Channel, Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.parameters import quote, require_symbol
from finalex.market.book import SideChange
from finalex.market.depth import DepthBook, SavedDepthBook
from finalex.market.windows import LevelUpdate
from finalex.model.events import BookReset, BookWithdrawn, Level, LevelsChanged, OrderEnded, OrderRested, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import BookSnapshotData, BookUpdateData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS, Stream


class _Market:
    """A symbol's book, its streams by depth, and the last snapshot of each that somebody wanted."""

    __slots__ = ("book", "instrument", "snapshots", "streams")

    def __init__(self, instrument: Instrument, streams: tuple[Stream, ...], book: DepthBook) -> None:
        self.instrument = instrument
        self.streams = streams
        self.book = book
        self.snapshots: dict[int, tuple[int, Publication]] = {}


class SavedOrderbook(SavedChannel, frozen=True):
    """All books, and how many were withdrawn because they could not be."""

    books: dict[str, SavedDepthBook]
    withdrawn_books: int


class OrderbookChannel(Channel):
    """Publishes every change within the best `depth` levels of each side.

    A book that is replaced or withdrawn is published as a new snapshot, numbered like one update.
    """

    name = "orderbook"
    saved = SavedOrderbook

    def __init__(self, instruments: Instruments, books: Mapping[str, DepthBook]) -> None:
        self._instruments = instruments
        self._withdrawn_books = 0
        self._markets = {
            symbol: _Market(
                instrument, tuple(Stream(self.name, symbol, depth=depth) for depth in DEPTHS), books[symbol]
            )
            for symbol, instrument in instruments.items()
        }

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {
            OrderRested: self._rest,
            Traded: self._trade,
            OrderEnded: self._end,
            LevelsChanged: self._change,
            BookReset: self._reset,
            BookWithdrawn: self._withdraw,
        }

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        symbol = require_symbol(subscription.symbol, self._instruments)
        depth = DEPTH_DEFAULT if subscription.depth is None else subscription.depth
        if depth not in DEPTHS:
            allowed = ", ".join(map(str, DEPTHS))
            raise RequestError(ErrorCode.INVALID_DEPTH, f"Depth {quote(str(depth))} is not one of: {allowed}")
        return self._markets[symbol].streams[DEPTHS.index(depth)]

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the snapshot of the book as it is now."""
        return [_snapshot(self._markets[newcomer.stream.symbol], DEPTHS.index(newcomer.stream.depth), newcomer.time_ms)]

    def counters(self) -> Mapping[str, int]:
        """Return how many books were withdrawn because they were crossed or too large."""
        return {"unbelievable_books": self._withdrawn_books}

    def save(self) -> SavedOrderbook:
        """See `Channel.save`."""
        return SavedOrderbook({s: market.book.save() for s, market in self._markets.items()}, self._withdrawn_books)

    def load(self, saved: SavedOrderbook) -> None:
        """See `Channel.load`."""
        self._withdrawn_books = saved.withdrawn_books
        for symbol, book in saved.books.items():
            self._markets[symbol].book.load(book)

    def _rest(self, turn: Turn, event: OrderRested) -> None:
        self._adjust(turn, event.symbol, event.side, event.price, event.quantity, event.time_ms)

    def _trade(self, turn: Turn, event: Traded) -> None:
        if event.maker_order:
            self._adjust(turn, event.symbol, event.side.opposite, event.price, -event.quantity, event.time_ms)

    def _end(self, turn: Turn, event: OrderEnded) -> None:
        if event.rested:
            self._adjust(turn, event.symbol, event.side, event.price, -event.quantity, event.time_ms)

    def _adjust(self, turn: Turn, symbol: str, side: Side, price: int, delta: int, time_ms: int) -> None:
        market = self._markets[symbol]
        change = market.book.adjust(side, price, delta, time_ms)
        if change is not None:
            _publish_updates(turn, market, (change,), time_ms)

    def _change(self, turn: Turn, event: LevelsChanged) -> None:
        market = self._markets[event.symbol]
        changes = market.book.change(event.changes, event.time_ms)
        if changes is None:
            self._withdrawn_books += 1
            _publish_snapshots(turn, market)
        elif changes:
            _publish_updates(turn, market, changes, event.time_ms)

    def _reset(self, turn: Turn, event: BookReset) -> None:
        market = self._markets[event.symbol]
        if market.book.reset(event.bids, event.asks, event.time_ms):
            _publish_snapshots(turn, market)
        self._withdrawn_books += market.book.stale

    def _withdraw(self, turn: Turn, event: BookWithdrawn) -> None:
        market = self._markets[event.symbol]
        if market.book.withdraw(event.time_ms):
            _publish_snapshots(turn, market)


def _publish_updates(turn: Turn, market: _Market, changes: Sequence[SideChange], time_ms: int) -> None:
    for index in market.book.moved:
        stream = market.streams[index]
        if stream in turn.wanted:
            streams = (stream,)
            turn.publications += [
                _update(market, streams, update, time_ms) for update in market.book.updates(changes, index)
            ]


def _publish_snapshots(turn: Turn, market: _Market) -> None:
    for index, stream in enumerate(market.streams):
        if stream in turn.wanted:
            turn.publications.append(_snapshot(market, index, turn.time_ms))


def _update(market: _Market, streams: tuple[Stream, ...], update: LevelUpdate, time_ms: int) -> Publication:
    symbol, depth = market.instrument.symbol, streams[0].depth
    data = BookUpdateData(
        symbol=symbol,
        depth=depth,
        side=update.side,
        price=market.instrument.price_text(update.price),
        quantity=market.instrument.quantity_text(update.quantity),
        action=update.action,
        timestamp=time_ms,
        sequence=update.sequence,
    )
    return Publication(streams, f"orderbook:{symbol}:{depth}:{update.sequence}", "orderbook_update", data)


def _snapshot(market: _Market, index: int, now_ms: int) -> Publication:
    """Return the snapshot of one depth, made once for each sequence; a book without events is as of now."""
    sequence = market.book.sequences[index]
    made = market.snapshots.get(index)
    if made and made[0] == sequence > 0:
        return made[1]
    stream, symbol = market.streams[index], market.instrument.symbol
    data = BookSnapshotData(
        symbol=symbol,
        depth=stream.depth,
        bids=_texts(market.instrument, market.book.bids.levels(stream.depth)),
        asks=_texts(market.instrument, market.book.asks.levels(stream.depth)),
        timestamp=market.book.changed_ms[index] if sequence else now_ms,
        sequence=sequence,
        stale=True if market.book.stale else UNSET,
    )
    name = f"orderbook:{symbol}:{stream.depth}:{sequence}:snapshot"
    publication = Publication((stream,), name, "orderbook_snapshot", data)
    market.snapshots[index] = (sequence, publication)
    return publication


def _texts(instrument: Instrument, levels: list[Level]) -> list[tuple[str, str]]:
    return [(instrument.price_text(price), instrument.quantity_text(quantity)) for price, quantity in levels]
