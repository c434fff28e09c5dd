"""What fills on paper leave behind: orders that wait, numbers, and what went to the outside and came from there."""

from collections.abc import Iterator, Mapping

import msgspec

from finalex.exchange.funds import paid, received, received_currency, reserved_currency
from finalex.exchange.order import Order
from finalex.exchange.register import OrderRegister
from finalex.exchange.waiting import Met, SavedWaiting, Waiting, meet
from finalex.model.events import BookReset, BookWithdrawn, PaperFilled, PaperRested, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderStatus, Side


class SavedPaper(msgspec.Struct, frozen=True):
    """The state as a snapshot holds it."""

    fills: dict[str, int] = {}
    outside: dict[str, int] = {}
    waiting: SavedWaiting = SavedWaiting()


class PaperState:
    """The part of `ExchangeState` that markets from outside have a part in.

    `fills` are the numbers of the last fill of each market from outside, 0 before the first. `outside` is what all
    fills brought there, 10^-8 by currency, negative for what they took: with it, the sum over all accounts changes by
    credits and debits alone.
    """

    def __init__(self, instruments: Instruments, orders: OrderRegister) -> None:
        self.waiting = Waiting(instruments)
        self.fills: dict[str, int] = {}
        self.outside: dict[str, int] = {}
        self._instruments = instruments
        self._orders = orders

    def apply(self, event: PaperRested | BookReset | BookWithdrawn) -> None:
        """Take in what is no fill."""
        if isinstance(event, PaperRested):
            self.waiting.add(event)
        else:
            self.fills.setdefault(event.symbol, 0)

    def fill(self, event: PaperFilled, order: Order) -> None:
        """Take in a fill, after which its order is `order`."""
        self.fills[event.symbol] = event.trade
        instrument, side = self._instruments[event.symbol], event.side
        self._bring(reserved_currency(instrument, side), paid(instrument, side, event.price, event.quantity))
        self._bring(received_currency(instrument, side), -received(instrument, side, event.price, event.quantity))
        if order.status is OrderStatus.FILLED:
            self.waiting.remove(order)

    def advance(self, trade: Traded) -> None:
        """Let a trade outside bring orders forward that wait; its fills are events of their own, and follow."""
        self.waiting.advance(self.met_by(trade))

    def met_by(self, trade: Traded) -> list[Met]:
        """Return what a trade outside means for the orders that wait, in the order in which they fill."""
        queues = self.waiting.queues(trade.symbol, trade.side.opposite)
        return meet(trade, queues, self._orders, self._instruments[trade.symbol].lot_size)

    def orders(self, symbol: str, side: Side) -> Iterator[Order]:
        """Iterate the orders of a side that wait, in the order in which they fill; nothing may change meanwhile."""
        for _, places in self.waiting.queues(symbol, side):
            for number, _ in places:
                yield self._orders[number]

    def canonical(self) -> Mapping[str, object]:
        """Return everything of which there is any, the same for equal states."""
        fills = [(symbol, number) for symbol, number in sorted(self.fills.items()) if number]
        parts = {"fills": fills, "outside": sorted(self.outside.items())}
        everything = {**parts, "waiting": self.waiting.canonical() if self.waiting.any else []}
        return {name: part for name, part in everything.items() if part}

    def save(self) -> SavedPaper:
        """Return everything; it follows no later change."""
        return SavedPaper(dict(self.fills), dict(self.outside), self.waiting.save())

    def load(self, saved: SavedPaper) -> None:
        """Take over, into a new state, what `save` returned; raises `KeyError` for a book of an unknown symbol."""
        self.fills.update(saved.fills)
        self.outside.update(saved.outside)
        self.waiting.load(saved.waiting)

    def _bring(self, currency: str, amount: int) -> None:
        self.outside[currency] = self.outside.get(currency, 0) + amount
