"""An order book kept from a snapshot and updates, every sequence checked."""

from bisect import bisect_left

from finalex.protocol.messages import BookSnapshotData, BookUpdateData

Level = tuple[str, str]
"""Price and quantity, as decimal text in the instrument's own decimals."""


class LevelList:
    """One side, best first. Prices of an instrument all have the same decimals, so their digits compare as numbers."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._levels: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def replace(self, levels: list[Level]) -> None:
        """Hold these levels and no others."""
        self._levels = {self._key(level[0]): level for level in levels}
        self._keys = sorted(self._levels)

    def put(self, price: str, quantity: str) -> None:
        """Set the quantity at a price."""
        key = self._key(price)
        if key not in self._levels:
            self._keys.insert(bisect_left(self._keys, key), key)
        self._levels[key] = (price, quantity)

    def remove(self, price: str) -> None:
        """Remove a level, if it is there."""
        key = self._key(price)
        if self._levels.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def best(self, count: int) -> list[Level]:
        """Return the best so many levels."""
        return [self._levels[key] for key in self._keys[:count]]

    def _key(self, price: str) -> int:
        return self._sign * int(price.replace(".", "", 1))


class LocalBook:
    """The best `depth` levels of each side of a symbol's book; `sequence` is that of the last message in it.

    `whole` says whether nothing is missing; `snapshots` and `breaks` count the snapshots that came and the times that
    an update did not follow its predecessor. `stale` means that the market's source has withdrawn the book, which is
    then empty. `timestamp` is when it last changed, in milliseconds since 1970.
    """

    __slots__ = ("asks", "bids", "breaks", "sequence", "snapshots", "stale", "timestamp", "whole")

    def __init__(self) -> None:
        self.bids = LevelList(-1)
        self.asks = LevelList(1)
        self.sequence = 0
        self.timestamp = 0
        self.stale = False
        self.whole = False
        self.snapshots = 0
        self.breaks = 0

    def reset(self, snapshot: BookSnapshotData) -> None:
        """Begin anew with a snapshot, whatever was before."""
        self.bids.replace(snapshot.bids)
        self.asks.replace(snapshot.asks)
        self.sequence, self.timestamp = snapshot.sequence, snapshot.timestamp
        self.stale = snapshot.stale is True
        self.whole = True
        self.snapshots += 1

    def expect(self, sequence: int) -> None:
        """Take in that updates up to `sequence` were sent; the book is not `whole` if it has not seen them."""
        if self.whole and sequence > self.sequence:
            self.whole = False
            self.breaks += 1

    def apply(self, update: BookUpdateData) -> bool:
        """Apply the next update; whether it was the next one. If not, the book is not `whole` until a snapshot."""
        if not self.whole:
            return False
        if update.sequence != self.sequence + 1:
            self.whole = False
            self.breaks += 1
            return False
        side = self.bids if update.side == "buy" else self.asks
        if update.action == "delete":
            side.remove(update.price)
        else:
            side.put(update.price, update.quantity)
        self.sequence, self.timestamp = update.sequence, update.timestamp
        return True
