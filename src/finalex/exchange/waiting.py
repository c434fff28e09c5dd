"""Orders that wait on paper: in a market from outside, whose book does not know of them.

**The queue model.** An order stands behind the quantity that the outside's book had at its price when it came. A trade
outside at that price takes from this quantity first, and only what goes beyond it fills the order; a trade through the
price fills the order at once. What of a trade has filled one order fills no other: better prices come first, and at
one price older orders. Cancels outside bring no order forward: nobody can tell where in the queue they were.
A trade made before an order, by the time that each has, means nothing for it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from finalex.exchange.book import Book, Queue, SavedBook
from finalex.exchange.order import Order
from finalex.model.events import PaperRested, Traded
from finalex.model.orders import Side


class Met(NamedTuple):
    """What a trade outside means for an order: so much of it is filled, and so much is still `ahead` of the rest."""

    order: Order
    quantity: int
    ahead: int


class SavedWaiting(msgspec.Struct, frozen=True):
    """The waiting orders as a snapshot holds them: books by symbol, and what is ahead of each order by its number."""

    books: dict[str, SavedBook] = {}
    ahead: dict[int, int] = {}


class OpenOrders(Protocol):
    """Whoever knows the open orders by number."""

    def __getitem__(self, number: int) -> Order: ...


class Waiting:
    """The orders that wait, by price and then by time, and the quantity ahead of each."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._books = {symbol: Book() for symbol in symbols}
        self._ahead: dict[int, int] = {}

    @property
    def any(self) -> bool:
        """Whether any order waits."""
        return bool(self._ahead)

    def has(self, order: Order) -> bool:
        """Whether `order` waits."""
        return order.number in self._ahead

    def queues(self, symbol: str, side: Side) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Iterate the prices of a side, best first, each with its orders' numbers and what is ahead of them."""
        for price, queue in self._books[symbol].side(side).queues():
            yield price, self._places(queue)

    def first(self, symbol: str, side: Side) -> int | None:
        """Return the number of the order that is filled first on a side, if there is one."""
        return next((next(iter(queue)) for _, queue in self._books[symbol].side(side).queues()), None)

    def add(self, event: PaperRested) -> None:
        """Let an order wait behind all others at its price."""
        self._books[event.symbol].side(event.side).add(event.price, event.order)
        self._ahead[event.order] = event.ahead

    def remove(self, order: Order) -> None:
        """Let an order wait no more, if it did."""
        if self._ahead.pop(order.number, None) is not None:
            self._books[order.symbol].side(order.side).remove(order.price, order.number)

    def advance(self, met: Iterable[Met]) -> None:
        """Bring orders forward."""
        self._ahead.update((order.number, ahead) for order, _, ahead in met)

    def canonical(self) -> object:
        """Return everything as plain lists, the same for equal states."""
        books = [(symbol, book.save()) for symbol, book in sorted(self._books.items()) if not book.empty]
        return [books, sorted(self._ahead.items())]

    def save(self) -> SavedWaiting:
        """Return everything; it follows no later change."""
        books = {symbol: book.save() for symbol, book in self._books.items() if not book.empty}
        return SavedWaiting(books, dict(self._ahead))

    def load(self, saved: SavedWaiting) -> None:
        """Take over, while nothing waits, what `save` returned; raises `KeyError` for a book of an unknown symbol."""
        for symbol, book in saved.books.items():
            self._books[symbol].load(book)
        self._ahead.update(saved.ahead)

    def _places(self, queue: Queue) -> list[tuple[int, int]]:
        return [(number, self._ahead[number]) for number in queue]


def meet(
    trade: Traded, queues: Iterable[tuple[int, list[tuple[int, int]]]], orders: OpenOrders, lot_size: int
) -> list[Met]:
    """Return what `trade` means for the orders in `queues`, of the side that its taker would have met."""
    met: list[Met] = []
    left = trade.quantity
    for price, queue in queues:
        if price < trade.price if trade.side is Side.SELL else price > trade.price:
            break
        for number, before in queue:
            order = orders[number]
            if order.created_ms > trade.time_ms:
                continue
            ahead = before if price == trade.price else 0
            reached = max(0, left - ahead)
            quantity = min(order.remaining, reached - reached % lot_size)
            met.append(Met(order, quantity, max(0, ahead - left)))
            left -= quantity
    return met
