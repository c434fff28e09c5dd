"""One side of a book by price level: the total quantity at every price, and what an event changed about it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from finalex.model.events import Level
from finalex.model.orders import Side

Ranked = tuple[int, int]
"""A rank (0 is the best level) and the sort key of the level there."""


class SideChange(NamedTuple):
    """What one event did to one side, net: a level whose quantity stayed the same is not in it.

    All three lists are best first. Ranks in `deleted` are those before the event, in `added` those after it, and
    in `updated` those among the levels that were there before and after. It describes `side` only until that
    changes again.
    """

    side: "LevelSide"
    size_before: int
    deleted: list[Ranked]
    updated: list[Ranked]
    added: list[Ranked]


class LevelSide:
    """The levels of one side.

    `keys` holds the prices so that they ascend from the best to the worst: as they are for asks, negative for
    bids. Changing one level costs a binary search and, for a new or emptied price, a shift within that list.
    """

    __slots__ = ("keys", "quantities", "side", "sign")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.sign = -1 if side is Side.BUY else 1
        self.keys: list[int] = []
        self.quantities: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def best(self) -> int:
        """The best price, 0 on an empty side."""
        return self.sign * self.keys[0] if self.keys else 0

    def levels(self, count: int) -> list[Level]:
        """Return the best `count` levels, best first."""
        return [(price, self.quantities[price]) for price in (self.sign * key for key in self.keys[:count])]

    def adjust(self, price: int, delta: int) -> SideChange | None:
        """Add `delta` to the quantity at `price`; what would not be positive removes the level."""
        held = self.quantities.get(price, 0)
        quantity = held + delta
        key = self.sign * price
        rank = bisect_left(self.keys, key)
        size_before = len(self.keys)
        if quantity > 0:
            self.quantities[price] = quantity
            if held:
                return SideChange(self, size_before, [], [(rank, key)], [])
            self.keys.insert(rank, key)
            return SideChange(self, size_before, [], [], [(rank, key)])
        if not held:
            return None
        del self.quantities[price], self.keys[rank]
        return SideChange(self, size_before, [(rank, key)], [], [])

    def change(self, levels: Mapping[int, int]) -> SideChange | None:
        """Set the quantity at each price in `levels` together (zero removes); `None` if that changes nothing."""
        deleted, updated, added = self._sorted(levels)
        if not (deleted or updated or added):
            return None
        size_before = len(self.keys)
        # Worst first: a removal leaves the ranks of better levels as they were. Best first for the same reason.
        removed = [(self._remove(key), key) for key in reversed(deleted)]
        stayed = [(bisect_left(self.keys, key), key) for key in updated]
        for key in updated:
            self.quantities[self.sign * key] = levels[self.sign * key]
        entered = [(self._insert(key, levels[self.sign * key]), key) for key in added]
        removed.reverse()
        return SideChange(self, size_before, removed, stayed, entered)

    def replace(self, levels: Iterable[Level]) -> None:
        """Forget everything and hold `levels`, which may come in any order; empty ones are left out."""
        self.quantities = {price: quantity for price, quantity in levels if quantity > 0}
        self.keys = sorted(self.sign * price for price in self.quantities)

    def _sorted(self, levels: Mapping[int, int]) -> tuple[list[int], list[int], list[int]]:
        """Return the keys that go, change and come, each best first."""
        deleted, updated, added = [], [], []
        for price, quantity in levels.items():
            held = self.quantities.get(price, 0)
            if quantity <= 0:
                if held:
                    deleted.append(self.sign * price)
            elif not held:
                added.append(self.sign * price)
            elif quantity != held:
                updated.append(self.sign * price)
        return sorted(deleted), sorted(updated), sorted(added)

    def _remove(self, key: int) -> int:
        rank = bisect_left(self.keys, key)
        del self.keys[rank], self.quantities[self.sign * key]
        return rank

    def _insert(self, key: int, quantity: int) -> int:
        rank = bisect_left(self.keys, key)
        self.keys.insert(rank, key)
        self.quantities[self.sign * key] = quantity
        return rank
