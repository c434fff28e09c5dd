"""A symbol's book and the numbering of its depth streams."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from finalex.market.book import LevelSide, SideChange
from finalex.market.windows import LevelUpdate, build_updates, count_updates
from finalex.model.events import Level, LevelChange
from finalex.model.orders import Side

LEVELS_MAX = 100_000
"""A book from outside with more levels on a side is not believed: it is withdrawn."""


class SavedDepthBook(msgspec.Struct, frozen=True, kw_only=True):
    """A book as a snapshot holds it: its levels, best first, and of each depth the last sequence and its time."""

    bids: list[Level]
    asks: list[Level]
    stale: bool
    streams: dict[int, tuple[int, int]]


class DepthBook:
    """One symbol's book, seen through a window of each of `depths` (ascending) levels a side.

    Each window has its own stream of updates: `sequences[i]` is the number of the last one in the window of
    `depths[i]`, and `changed_ms[i]` its time (0 if there was none). They advance by arithmetic with every event,
    whether or not anybody wants the updates themselves. Replacing the whole book counts as one in every stream.
    `moved` are the indexes of the windows that the last event reached.

    `stale` means that the book was withdrawn: it stays empty and ignores changes until it is reset.
    """

    def __init__(self, depths: Sequence[int]) -> None:
        self.depths = depths
        self.sequences = [0] * len(depths)
        self.changed_ms = [0] * len(depths)
        self.moved: Sequence[int] = ()
        self.bids = LevelSide(Side.BUY)
        self.asks = LevelSide(Side.SELL)
        self.stale = False

    def adjust(self, side: Side, price: int, delta: int, time_ms: int) -> SideChange | None:
        """Add `delta` to one level, as an order that rests, trades or ends does; `None` if that changes nothing."""
        self.moved = ()
        if self.stale:
            return None
        change = (self.bids if side is Side.BUY else self.asks).adjust(price, delta)
        if change is not None:
            self._advance_one(change, time_ms)
        return change

    def change(self, changes: Iterable[LevelChange], time_ms: int) -> tuple[SideChange, ...] | None:
        """Set several levels together and return what that changed, side by side.

        `None` means that the book became one that cannot be (crossed, or too large), and was withdrawn.
        """
        self.moved = ()
        if self.stale:
            return ()
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for side, price, quantity in changes:
            (bids if side is Side.BUY else asks)[price] = quantity
        changed = tuple(c for c in (self.bids.change(bids), self.asks.change(asks)) if c is not None)
        if self._unbelievable():
            self.withdraw(time_ms)
            return None
        if changed:
            self._advance_many(changed, time_ms)
        return changed

    def reset(self, bids: Iterable[Level], asks: Iterable[Level], time_ms: int) -> bool:
        """Replace the whole book and return whether anything changed: a book that cannot be is withdrawn instead."""
        self.moved, was_stale = (), self.stale
        self.bids.replace(bids)
        self.asks.replace(asks)
        self.stale = self._unbelievable()
        if self.stale:
            self._empty()
            if was_stale:
                return False
        self._advance_all(time_ms)
        return True

    def withdraw(self, time_ms: int) -> bool:
        """Empty the book until it is reset and return whether that changed anything."""
        self.moved = ()
        if self.stale:
            return False
        self.stale = True
        self._empty()
        self._advance_all(time_ms)
        return True

    def updates(self, changes: Sequence[SideChange], index: int) -> list[LevelUpdate]:
        """Return the updates in the window of `depths[index]` that the last event's `changes` mean."""
        return build_updates(changes, self.depths[index], self.sequences[index])

    def save(self) -> SavedDepthBook:
        """Return everything; it follows no later change."""
        return SavedDepthBook(
            bids=self.bids.levels(len(self.bids)),
            asks=self.asks.levels(len(self.asks)),
            stale=self.stale,
            streams=dict(zip(self.depths, zip(self.sequences, self.changed_ms, strict=True), strict=True)),
        )

    def load(self, saved: SavedDepthBook) -> None:
        """Take over, into a new book, what `save` returned; the stream of a depth that it does not name starts at 0."""
        self.bids.replace(saved.bids)
        self.asks.replace(saved.asks)
        self.stale = saved.stale
        streams = [saved.streams.get(depth, (0, 0)) for depth in self.depths]
        self.sequences = [sequence for sequence, _ in streams]
        self.changed_ms = [changed_ms for _, changed_ms in streams]

    def _unbelievable(self) -> bool:
        bids, asks = self.bids, self.asks
        crossed = bool(bids and asks) and bids.best >= asks.best
        return crossed or len(bids) > LEVELS_MAX or len(asks) > LEVELS_MAX

    def _empty(self) -> None:
        self.bids.replace(())
        self.asks.replace(())

    def _advance_one(self, change: SideChange, time_ms: int) -> None:
        """Count one level's change: two updates where another level is pushed out of the window or pulled into it."""
        levels = change.updated or change.added or change.deleted
        larger = 0 if change.updated else max(change.size_before, len(change.side.keys))
        self.moved = range(bisect_right(self.depths, levels[0][0]), len(self.depths))
        for index in self.moved:
            self.sequences[index] += 2 if larger > self.depths[index] else 1
            self.changed_ms[index] = time_ms

    def _advance_many(self, changes: Sequence[SideChange], time_ms: int) -> None:
        counts = [sum(count_updates(change, depth) for change in changes) for depth in self.depths]
        self.moved = [index for index, count in enumerate(counts) if count]
        for index in self.moved:
            self.sequences[index] += counts[index]
            self.changed_ms[index] = time_ms

    def _advance_all(self, time_ms: int) -> None:
        self.moved = range(len(self.depths))
        self.sequences = [sequence + 1 for sequence in self.sequences]
        self.changed_ms = [time_ms] * len(self.depths)
