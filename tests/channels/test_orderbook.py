"""`orderbook`: snapshots and updates at every depth, as a client reads them."""

from typing import NamedTuple

from hypothesis import event, given, settings
from hypothesis import strategies as st

from channels.feed import Feed, Market, fields, of
from channels.reader import Reader
from finalex.model.commands import CancelAllOrders
from finalex.model.events import AnyEvent, BookWithdrawn
from finalex.model.orders import Side, TimeInForce
from finalex.protocol.streams import DEPTHS, Stream
from market.client import Levels, changed, crossed, empty
from market.strategies import Move, Operation, Raw, Reset, outside_operations

SYMBOL = "BTC/USDT"
JOINS = st.lists(st.integers(0, 6), min_size=len(DEPTHS), max_size=len(DEPTHS))


def withdrawn(feed: Feed) -> BookWithdrawn:
    return BookWithdrawn(symbol=SYMBOL, reason="test", time_ms=feed.now_ms)


class Outside:
    """The book of a market from outside, done naively."""

    def __init__(self) -> None:
        self.book = empty()
        self.stale = False

    def happen(self, operation: Operation, feed: Feed) -> AnyEvent:
        """Carry out an operation and return it as an event."""
        match operation:
            case Reset(book):
                self.book, self.stale = book, False
                return feed.reset(book[Side.BUY].items(), book[Side.SELL].items())
            case Move() | Raw():
                changes = operation.changes(self.book) if isinstance(operation, Move) else operation.changes
                if not self.stale:
                    self.become(changed(self.book, changes))
                return feed.levels(*changes)
            case _:
                self.book, self.stale = empty(), True
                return withdrawn(feed)

    def become(self, book: Levels) -> None:
        self.stale = crossed(book)
        self.book = empty() if self.stale else book


@given(st.lists(outside_operations(price_max=40), max_size=12), JOINS)
@settings(deadline=None)
def test_a_reader_of_each_depth_holds_the_best_of_a_market_from_outside(
    steps: list[Operation], joins: list[int]
) -> None:
    feed, outside = Feed(), Outside()
    readers = [Reader(depth) for depth in DEPTHS]
    for step, operation in enumerate(steps):
        for reader, join in zip(readers, joins, strict=True):
            if join == step:
                reader.join(feed.opening("orderbook", symbol=SYMBOL, depth=reader.depth))
        published = feed.batch(outside.happen(operation, feed))
        for reader in readers:
            if reader.sequence is not None:
                reader.read(published)
                assert reader.holds(outside.book)
                assert [reader.sequence] == [
                    fields(p.data)["sequence"] for p in feed.opening("orderbook", symbol=SYMBOL, depth=reader.depth)
                ]


class Order(NamedTuple):
    """An order of one of two users; `None` for a price is a market order."""

    user: str
    side: Side
    quantity: int
    price: int | None
    time_in_force: TimeInForce


ORDERS = st.builds(
    Order,
    st.sampled_from(("ann", "bob")),
    st.sampled_from(Side),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(20, 40)),
    st.sampled_from((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)),
)


def place(market: Market, order: Order) -> None:
    price = 0 if order.price is None else order.price * 1000
    time_in_force = TimeInForce.IOC if order.price is None else order.time_in_force
    market.place(order.user, order.side, order.quantity * 5000, price, time_in_force=time_in_force)


@given(st.lists(st.one_of(ORDERS, ORDERS, ORDERS, st.sampled_from(("ann", "bob"))), max_size=40), JOINS)
@settings(deadline=None)
def test_a_reader_of_each_depth_holds_the_best_of_the_exchange(steps: list[Order | str], joins: list[int]) -> None:
    market = Market()
    market.fund("ann", "bob")
    readers = [Reader(depth) for depth in DEPTHS]
    for step, operation in enumerate(steps):
        for reader, join in zip(readers, joins, strict=True):
            if join == step:
                reader.join(market.opening("orderbook", symbol=SYMBOL, depth=reader.depth))
        market.seen.clear()
        if isinstance(operation, str):
            market.send(CancelAllOrders(user=operation))
        else:
            place(market, operation)
        book = {side: dict(market.engine.state.levels(SYMBOL, side)) for side in Side}
        event(f"levels: {len(book[Side.BUY]) // 3 * 3}")
        for reader in readers:
            if reader.sequence is not None:
                reader.read(market.seen)
                assert reader.holds(book)


def test_the_first_snapshot_of_a_quiet_book_is_empty_and_as_of_now() -> None:
    feed = Feed()
    feed.after(1000).batch()
    [published] = feed.opening("orderbook", symbol=SYMBOL)
    assert published.id == "orderbook:BTC/USDT:20:0:snapshot"
    assert fields(published.data)["timestamp"] == feed.now_ms
    feed.after(1000).batch()
    assert fields(feed.opening("orderbook", symbol=SYMBOL)[0].data)["timestamp"] == feed.now_ms


def test_a_snapshot_has_the_format_of_the_protocol() -> None:
    feed = Feed()
    feed.batch(feed.reset([(4567800, 25000), (4567850, 12500)], [(4567950, 18000), (4567900, 7500)]))
    feed.after(500).batch()
    [published] = feed.opening("orderbook", symbol=SYMBOL, depth=5)
    assert published.type == "orderbook_snapshot"
    assert published.streams == (Stream("orderbook", SYMBOL, depth=5),)
    assert fields(published.data) == {
        "symbol": SYMBOL,
        "depth": 5,
        "bids": [["45678.50", "1.2500"], ["45678.00", "2.5000"]],
        "asks": [["45679.00", "0.7500"], ["45679.50", "1.8000"]],
        "timestamp": feed.now_ms - 500,
        "sequence": 1,
    }


def test_an_update_has_the_format_of_the_protocol() -> None:
    feed = Feed(wanted={Stream("orderbook", SYMBOL, depth=20)})
    feed.batch(feed.reset([(4567850, 12500)]))
    [published] = feed.after(100).batch(feed.levels((Side.BUY, 4567850, 0)))
    assert published.type == "orderbook_update"
    assert published.id == "orderbook:BTC/USDT:20:2"
    assert published.streams == (Stream("orderbook", SYMBOL, depth=20),)
    assert fields(published.data) == {
        "symbol": SYMBOL,
        "depth": 20,
        "side": "buy",
        "price": "45678.50",
        "quantity": "0.0000",
        "action": "delete",
        "timestamp": feed.now_ms,
        "sequence": 2,
    }


def test_a_withdrawn_book_is_an_empty_stale_snapshot_until_it_is_reset() -> None:
    feed = Feed(wanted={Stream("orderbook", SYMBOL, depth=5)})
    feed.batch(feed.reset([(100, 1)], [(200, 1)]))
    [stale] = feed.batch(withdrawn(feed))
    shown = fields(stale.data)
    assert (shown["bids"], shown["asks"], shown["stale"], shown["sequence"]) == ([], [], True, 2)
    assert feed.opening("orderbook", symbol=SYMBOL, depth=5) == [stale]
    assert feed.batch(feed.levels((Side.BUY, 100, 1)), withdrawn(feed)) == []
    [fresh] = feed.batch(feed.reset([(100, 1)], [(200, 1)]))
    shown = fields(fresh.data)
    assert (shown["sequence"], "stale" in shown) == (3, False)


def test_a_crossed_book_is_never_shown() -> None:
    feed = Feed(wanted={Stream("orderbook", SYMBOL, depth=5)})
    feed.batch(feed.reset([(100, 1)], [(200, 1)]))
    [stale] = feed.batch(feed.levels((Side.BUY, 200, 1)))
    assert fields(stale.data)["stale"] is True
    assert feed.batch(feed.reset([(100, 1)], [(100, 1)])) == []
    assert feed.hub.counters()["unbelievable_books"] == 2


def test_a_trade_comes_before_what_it_does_to_the_book() -> None:
    market = Market()
    market.fund("ann", "bob")
    market.place("ann", Side.SELL, 100_000, 1000)
    published = market.place("bob", Side.BUY, 40_000, 1000) + market.place("bob", Side.BUY, 60_000, 1000)
    kinds = [p.type for p in published if p.type == "trade" or p.streams[0].depth == 5]
    assert kinds == ["trade", "orderbook_update"] * 2
    updates = [fields(p.data) for p in of(published, "orderbook_update") if p.streams[0].depth == 5]
    assert [(u["action"], u["side"], u["quantity"]) for u in updates] == [
        ("update", "sell", "6.0000"),
        ("delete", "sell", "0.0000"),
    ]
