"""Books rebuilt from recorded messages are those that the exchange showed, at every depth and all the time."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from functools import lru_cache

import pytest

from finalex.channels.hub import Hub
from finalex.model.events import Batch, BookReset, BookWithdrawn, LevelsChanged
from finalex.model.instruments import Instrument
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.messages import BookSnapshotData, BookUpdateData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import DEPTHS, Stream
from finalex.sources.messages import BookTicker, DepthUpdate
from finalex.sources.recorded import RecordedMarkets
from finalex.sources.recordings import read_lines
from support.replays import FUTURES_BTC, FUTURES_ETH, SPOT_BTC, recordings, replay

SYMBOLS: dict[tuple[str, ...], str] = {SPOT_BTC: "BTC/USDT", FUTURES_BTC: "BTC/USDT", FUTURES_ETH: "ETH/USDT"}
NAMES = ["spot-btc", "futures-btc", "futures-eth"]

WHOLE_EVERY = 50
"""After so many events whole windows are compared; after every one, their sizes and all that could have changed."""

OPENING_EVERY = 500
"""After so many batches a new subscriber's snapshot is compared too."""

Touched = set[tuple[str, int]]
"""Sides and prices."""


class PlainBook:
    """The book that the events mean, kept in the simplest way: prices in order, worst bid and best ask first."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self.prices: dict[str, list[int]] = {"buy": [], "sell": []}
        self.quantities: dict[str, dict[int, str]] = {"buy": {}, "sell": {}}

    def apply(self, event: object) -> Touched:
        """Apply what an event says and return the levels that it is about."""
        if isinstance(event, BookReset | BookWithdrawn):
            touched = {(side, price) for side in self.prices for price in self.prices[side]}
            for side, price in touched:
                self._set(side, price, 0)
            bids, asks = (event.bids, event.asks) if isinstance(event, BookReset) else ((), ())
            changes = [("buy", *level) for level in bids] + [("sell", *level) for level in asks]
        else:
            touched, changes = set(), [*event.changes] if isinstance(event, LevelsChanged) else []
        for change in changes:
            self._set(*change)
        return touched | {(side, price) for side, price, _ in changes}

    def worst(self, side: str, depth: int) -> int | None:
        """Return the worst price of the best `depth`, or `None` for an empty side."""
        prices = self.prices[side]
        best = prices[-depth:] if side == "buy" else prices[depth - 1 : depth] or prices[-1:]
        return best[0] if best else None

    def window(self, side: str, depth: int) -> dict[int, str]:
        prices = self.prices[side][-depth:] if side == "buy" else self.prices[side][:depth]
        return {price: self.quantities[side][price] for price in prices}

    @property
    def crossed(self) -> bool:
        return bool(self.prices["buy"] and self.prices["sell"] and self.prices["buy"][-1] >= self.prices["sell"][0])

    def _set(self, side: str, price: int, quantity: int) -> None:
        prices, quantities = self.prices[side], self.quantities[side]
        if quantity:
            if price not in quantities:
                insort(prices, price)
            quantities[price] = self._instrument.quantity_text(quantity)
        elif price in quantities:
            del quantities[price], prices[bisect_left(prices, price)]


class Subscriber:
    """A client of one depth that holds nothing but what it was sent."""

    def __init__(self, depth: int, instrument: Instrument) -> None:
        self.depth = depth
        self.sequence: int | None = None
        self.window: dict[str, dict[int, str]] = {"buy": {}, "sell": {}}
        self._price = lru_cache(100_000)(instrument.parse_price)

    def receive(self, publication: Publication) -> Touched:
        """Apply a message and return the levels that it is about."""
        data = publication.data
        assert isinstance(data, BookSnapshotData | BookUpdateData)
        assert data.depth == self.depth
        assert self.sequence is None or data.sequence == self.sequence + 1
        self.sequence = data.sequence
        if isinstance(data, BookUpdateData):
            return {(data.side, self._update(data))}
        touched = {(side, price) for side, levels in self.window.items() for price in levels}
        self.window = self.read(data)
        return touched

    def read(self, data: BookSnapshotData) -> dict[str, dict[int, str]]:
        sides = {"buy": data.bids, "sell": data.asks}
        return {side: {self._price(price): quantity for price, quantity in sides[side]} for side in sides}

    def check_touched(self, book: PlainBook, touched: Touched) -> None:
        """Check what an event or a message was about; with the sizes right, the rest must be as it was."""
        worst = {side: book.worst(side, self.depth) for side in self.window}
        for side, levels in self.window.items():
            assert len(levels) == min(self.depth, len(book.prices[side]))
        for side, price in touched:
            end = worst[side]
            inside = end is not None and (price >= end if side == "buy" else price <= end)
            assert self.window[side].get(price) == (book.quantities[side].get(price) if inside else None)

    def check_whole(self, book: PlainBook) -> None:
        assert self.window == {side: book.window(side, self.depth) for side in self.window}

    def _update(self, data: BookUpdateData) -> int:
        levels, price = self.window[data.side], self._price(data.price)
        assert (price in levels) is (data.action != "add")
        if data.action == "delete":
            assert not data.quantity.strip("0.")
            del levels[price]
        else:
            levels[price] = data.quantity
            assert len(levels) <= self.depth
        return price


class Audience:
    """A hub with a subscriber at each of some depths of one symbol, checked after every batch."""

    def __init__(self, symbol: str, depths: Sequence[int]) -> None:
        instrument = DEFAULT_INSTRUMENTS[symbol]
        self.hub = Hub(DEFAULT_INSTRUMENTS)
        self.book = PlainBook(instrument)
        self.subscribers = {Stream("orderbook", symbol, depth=depth): Subscriber(depth, instrument) for depth in depths}
        for stream, subscriber in self.subscribers.items():
            subscriber.receive(self._opening(stream))
        self.checks = self.wholes = self.openings = self.updates = 0

    def follow(self, _reel: RecordedMarkets, batch: Batch) -> None:
        touched: dict[Stream, Touched] = {stream: set() for stream in self.subscribers}
        for publication in self.hub.apply(batch, self.subscribers):
            stream = publication.streams[0]
            touched[stream] |= self.subscribers[stream].receive(publication)
            self.updates += 1
        of_events: Touched = set().union(*map(self.book.apply, batch.events))
        assert not self.book.crossed
        for stream, subscriber in self.subscribers.items():
            subscriber.check_touched(self.book, touched[stream] | of_events)
        self.checks += bool(of_events)
        if of_events and self.checks % WHOLE_EVERY == 0:
            self._check_whole()
        if batch.sequence % OPENING_EVERY == 0:
            self._check_openings()

    def _check_whole(self) -> None:
        for subscriber in self.subscribers.values():
            subscriber.check_whole(self.book)
        self.wholes += 1

    def _check_openings(self) -> None:
        for stream, subscriber in self.subscribers.items():
            data = self._opening(stream).data
            assert isinstance(data, BookSnapshotData)
            assert subscriber.read(data) == subscriber.window
            assert data.sequence == subscriber.sequence
        self.openings += 1

    def _opening(self, stream: Stream) -> Publication:
        (publication,) = self.hub.opening(stream, Subscription("orderbook", stream.symbol, stream.depth))
        return publication


@pytest.mark.parametrize("depths", [DEPTHS[:6], DEPTHS[6:]], ids=str)
@pytest.mark.parametrize("names", [SPOT_BTC, FUTURES_ETH], ids=["spot-btc", "futures-eth"])
def test_a_subscriber_of_each_depth_holds_exactly_the_book_after_every_event(
    names: tuple[str, ...], depths: tuple[int, ...]
) -> None:
    audience = Audience(SYMBOLS[names], depths)
    source = replay(names, audience.follow)
    assert source.problems.total() == 0
    assert audience.hub.counters() == dict.fromkeys(audience.hub.counters(), 0)
    assert audience.checks > 6_000
    assert audience.wholes > 100
    assert audience.openings > 30
    assert audience.updates > 10_000


Best = tuple[int, BookTicker | None]
"""The last id of a depth update and the last recorded best bid and ask that is of one of its ids."""


def recorded_bests(names: Sequence[str]) -> list[Best]:
    """Return what was recorded of the best levels, for every depth update in turn."""
    contents = [
        line.content for recording in recordings(names) for line in read_lines(recording.path, recording.format)
    ]
    tickers = {content.update_id: content for content in contents if isinstance(content, BookTicker)}
    ids = sorted(tickers)
    bests: list[Best] = []
    for content in contents:
        if isinstance(content, DepthUpdate):
            last = bisect_right(ids, content.last_id)
            ticker = tickers[ids[last - 1]] if last and ids[last - 1] >= content.first_id else None
            bests.append((content.last_id, ticker))
    return bests


class Comparison:
    """Compares the hub's best levels with the recorded ones after every update that recorded ones are of."""

    def __init__(self, symbol: str, bests: Sequence[Best]) -> None:
        self.samples = self.equal = 0
        self._hub = Hub(DEFAULT_INSTRUMENTS)
        self._instrument = DEFAULT_INSTRUMENTS[symbol]
        self._bests = bests
        self._places = {update_id: place for place, (update_id, _) in enumerate(bests)}
        self._sequence = 0

    def follow(self, reel: RecordedMarkets, batch: Batch) -> None:
        """Apply event by event: the first batch of a book may be of several updates, up to the book's id."""
        update_id = reel.feeds.by_symbol[self._instrument.symbol].book.update_id
        changes = sum(isinstance(event, LevelsChanged) for event in batch.events)
        for event in batch.events:
            self._sequence += 1
            self._hub.apply(Batch(sequence=self._sequence, time_ms=batch.time_ms, events=(event,)), ())
            if isinstance(event, LevelsChanged):
                changes -= 1
                assert update_id is not None
                self._compare(self._bests[self._places[update_id] - changes][1])

    def _compare(self, ticker: BookTicker | None) -> None:
        if ticker is None:
            return
        self.samples += 1
        stream = Stream("orderbook", self._instrument.symbol, depth=5)
        (publication,) = self._hub.opening(stream, Subscription("orderbook"))
        data = publication.data
        assert isinstance(data, BookSnapshotData)
        theirs = (self._level(ticker.bid, ticker.bid_quantity), self._level(ticker.ask, ticker.ask_quantity))
        self.equal += (data.bids[0], data.asks[0]) == theirs

    def _level(self, price: str, quantity: str) -> tuple[str, str]:
        parse_price, parse_quantity = self._instrument.parse_price, self._instrument.parse_quantity
        return self._instrument.price_text(parse_price(price)), self._instrument.quantity_text(parse_quantity(quantity))


@pytest.mark.parametrize(
    ("names", "equal", "samples"),
    [(SPOT_BTC, 5_735, 5_737), (FUTURES_BTC, 6_099, 6_099), (FUTURES_ETH, 6_612, 6_612)],
    ids=NAMES,
)
def test_the_best_levels_equal_the_recorded_ones_at_the_same_update(
    names: tuple[str, ...], equal: int, samples: int
) -> None:
    comparison = Comparison(SYMBOLS[names], recorded_bests(names))
    replay(names, comparison.follow)
    assert (comparison.equal, comparison.samples) == (equal, samples)
