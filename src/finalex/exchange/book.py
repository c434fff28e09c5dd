"""The resting orders of a symbol: price levels, and at each price a queue by time."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from finalex.model.orders import Side

Queue = OrderedDict[int, None]
"""Order numbers, oldest first; unlike in a plain dict, removing from the front stays cheap."""

SavedSide = list[tuple[int, list[int]]]
"""A side as a snapshot holds it: each price with its order numbers, best price first, oldest order first."""


class SavedBook(msgspec.Struct, frozen=True):
    """The resting orders of a symbol as a snapshot holds them."""

    bids: SavedSide
    asks: SavedSide


class BookSide:
    """One side of a book: order numbers by price, best price first, at one price oldest first.

    Adding and removing cost a binary search and, for a new or emptied price, a shift within the list of prices.
    """

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.BUY else -1
        self._ranks: list[int] = []  # the sign times the price, ascending: the best is last, where lists are quick
        self._queues: dict[int, Queue] = {}

    @property
    def best(self) -> int | None:
        """The best price, or `None` on an empty side."""
        return self._ranks[-1] * self._sign if self._ranks else None

    def add(self, price: int, number: int) -> None:
        """Put an order behind all others at its price."""
        queue = self._queues.get(price)
        if queue is None:
            queue = self._queues[price] = Queue()
            insort(self._ranks, price * self._sign)
        queue[number] = None

    def remove(self, price: int, number: int) -> None:
        """Take an order out; raises `KeyError` if it does not rest at `price`."""
        queue = self._queues[price]
        del queue[number]
        if not queue:
            del self._queues[price]
            del self._ranks[bisect_left(self._ranks, price * self._sign)]

    def has(self, price: int, number: int) -> bool:
        """Whether an order rests at `price`."""
        return number in self._queues.get(price, ())

    def queues(self) -> Iterator[tuple[int, Queue]]:
        """Iterate price and queue, best price first; the side must not change meanwhile."""
        for rank in reversed(self._ranks):
            price = rank * self._sign
            yield price, self._queues[price]

    def save(self) -> SavedSide:
        """Return prices and queues, the same for equal sides; it follows no later change."""
        return [(price, list(queue)) for price, queue in self.queues()]

    def load(self, saved: Iterable[tuple[int, Iterable[int]]]) -> None:
        """Take over, into an empty side, what `save` returned."""
        self._queues = {price: OrderedDict.fromkeys(queue) for price, queue in saved}
        self._ranks = sorted(price * self._sign for price in self._queues)


class Book:
    """Both sides of one symbol."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = BookSide(Side.BUY)
        self._asks = BookSide(Side.SELL)

    def side(self, side: Side) -> BookSide:
        """Return the bids for `BUY`, the asks for `SELL`."""
        return self._bids if side is Side.BUY else self._asks

    @property
    def empty(self) -> bool:
        """Whether no order rests."""
        return self._bids.best is None and self._asks.best is None

    def save(self) -> SavedBook:
        """Return both sides, the same for equal books; it follows no later change."""
        return SavedBook(self._bids.save(), self._asks.save())

    def load(self, saved: SavedBook) -> None:
        """Take over, into an empty book, what `save` returned."""
        self._bids.load(saved.bids)
        self._asks.load(saved.asks)
