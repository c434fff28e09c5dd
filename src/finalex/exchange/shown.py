"""The book that a market from outside shows, less what was taken from it on paper."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, Level, LevelsChanged, PaperFilled
from finalex.model.orders import Side


class ShownLevel(NamedTuple):
    """A level: all that the outside shows there, and what of it is not taken yet."""

    price: int
    quantity: int
    free: int


class ShownSide:
    """One side: what is shown at each price, and what of it was taken.

    What was taken from a level stays taken as long as the level is there, however its quantity changes, but is never
    more than that: only what is added to a level, or a level that comes anew, can be taken.
    """

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.SELL else -1
        self._keys: list[int] = []  # the sign times the price, ascending: the best is first
        self._shown: dict[int, int] = {}
        self._taken: dict[int, int] = {}

    @property
    def best(self) -> int | None:
        """The best price, or `None` on an empty side."""
        return self._keys[0] * self._sign if self._keys else None

    def quantity(self, price: int) -> int:
        """Return all that is shown at a price."""
        return self._shown.get(price, 0)

    def levels(self) -> Iterator[ShownLevel]:
        """Iterate the levels, best first; the side must not change meanwhile."""
        for key in self._keys:
            price = key * self._sign
            quantity = self._shown[price]
            yield ShownLevel(price, quantity, quantity - self._taken.get(price, 0))

    def replace(self, levels: list[Level]) -> None:
        """Forget everything, and show `levels`."""
        self._shown = {price: quantity for price, quantity in levels if quantity}
        self._taken.clear()
        self._keys = sorted(price * self._sign for price in self._shown)

    def change(self, price: int, quantity: int) -> None:
        """Show another quantity at a price, perhaps none."""
        key = price * self._sign
        if not quantity:
            if self._shown.pop(price, 0):
                del self._keys[bisect_left(self._keys, key)]
            self._taken.pop(price, None)
            return
        if price not in self._shown:
            insort(self._keys, key)
        self._shown[price] = quantity
        if price in self._taken:
            self._taken[price] = min(self._taken[price], quantity)

    def take(self, price: int, quantity: int) -> None:
        """Take from a level; raises `ValueError` if so much is not free."""
        taken = self._taken.get(price, 0) + quantity
        if taken > self.quantity(price):
            raise ValueError(f"{quantity} at {price} is more than is shown and not taken")
        self._taken[price] = taken


class ShownBook:
    """Both sides of a market from outside; `apply` is the only way to change them. While not `live` it is empty."""

    def __init__(self) -> None:
        self.live = False
        self._sides = {side: ShownSide(side) for side in Side}

    def side(self, side: Side) -> ShownSide:
        """Return the bids for `BUY`, the asks for `SELL`."""
        return self._sides[side]

    def apply(self, event: AnyEvent) -> None:
        """Take in an event of this market; what is not about its book changes nothing."""
        match event:
            case BookReset():
                self._replace(event.bids, event.asks, live=True)
            case BookWithdrawn():
                self._replace([], [], live=False)
            case LevelsChanged():
                for side, price, quantity in event.changes if self.live else ():
                    self._sides[side].change(price, quantity)
            case PaperFilled() if event.level:
                self._sides[event.side.opposite].take(event.level, event.quantity)

    def _replace(self, bids: list[Level], asks: list[Level], *, live: bool) -> None:
        self.live = live
        self._sides[Side.BUY].replace(bids)
        self._sides[Side.SELL].replace(asks)
