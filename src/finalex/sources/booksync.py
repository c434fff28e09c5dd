"""Synchronisation of book snapshots with the stream of updates: a book that is right, or none.

The rules are those of Binance's documentation: updates are buffered until a snapshot comes; those it contains are
dropped; the first one used must span it; each later one must follow the one before. Where snapshots come in their place
among the updates they are simply never buffered.
"""

from collections import deque
from functools import lru_cache

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, Level, LevelChange, LevelsChanged
from finalex.model.instruments import Instrument
from finalex.model.orders import Side
from finalex.sources.messages import DepthUpdate, LevelText, Snapshot
from finalex.sources.reports import Problem, Report

LEVELS_BUFFERED_MAX = 100_000
"""Updates wait for a snapshot while they hold at most so many levels together; then the oldest are dropped."""

UPDATES_WAITED = 100
"""When so many updates have waited for a snapshot, its lack is reported (the recordings: within the first 10)."""

UPDATES_SKIPPED_MAX = 1000
"""A snapshot that is ahead of so many updates is not believed."""

RECENT_IDS_MAX = 16
"""An update with the ids of one of the last so many is a repetition; any other out of its turn is a gap."""

TEXTS_CACHED_MAX = 8192
"""So many parsed prices, and quantities, are kept: most levels change again and again."""


class BookSync:
    """Turns the depth messages of one symbol into events, whose times never go back.

    `update_id` is that of the last update in the book, or `None` while there is no book. Nothing is raised: what
    is wrong is reported, and the book withdrawn if it is affected.
    """

    def __init__(self, instrument: Instrument, report: Report) -> None:
        self.update_id: int | None = None
        self._instrument = instrument
        self._price = lru_cache(TEXTS_CACHED_MAX)(instrument.parse_price)
        self._quantity = lru_cache(TEXTS_CACHED_MAX)(instrument.parse_quantity)
        self._report = report
        self._waiting = _Waiting()
        self._spanning = False  # the next update has to span the snapshot
        self._skipped = 0
        self._recent_ids: deque[tuple[int, int]] = deque(maxlen=RECENT_IDS_MAX)
        self._time_ms = 0

    def take_snapshot(self, snapshot: Snapshot, time_ms: int) -> list[AnyEvent]:
        """Start the book again from `snapshot` and what waited for it, unless it is too old to be of use."""
        if self.update_id is not None and snapshot.last_id < self.update_id:
            self._report(Problem.REPEATED, f"snapshot {snapshot.last_id} is older than the book at {self.update_id}")
            return []
        updates = self._waiting.after(snapshot.last_id)
        if updates and not updates[0][0].spans(snapshot.last_id):
            first_id = updates[0][0].first_id
            self._report(Problem.GAP, f"snapshot {snapshot.last_id} does not reach the updates, from {first_id}")
            return []
        try:
            reset = self._reset(snapshot, time_ms)
        except ValueError as error:
            return self._refuse(Problem.INVALID, f"snapshot {snapshot.last_id}: {error}", time_ms)
        self._waiting = _Waiting()
        self._recent_ids.clear()
        self.update_id, self._spanning, self._skipped = snapshot.last_id, True, 0
        events: list[AnyEvent] = [reset]
        for update, at_ms in updates:
            events += self.take_update(update, at_ms)
        return events

    def take_update(self, update: DepthUpdate, time_ms: int) -> list[AnyEvent]:
        """Apply `update` if it is the next; let it wait while there is no book; ignore it if the book contains it."""
        if self.update_id is None:
            self._wait(update, time_ms)
            return []
        if self._is_old(update):
            return []
        fits = update.spans(self.update_id) if self._spanning else update.follows(self.update_id)
        return self._apply(update, time_ms) if fits else self._break(update, time_ms)

    def withdraw(self, reason: str, time_ms: int) -> list[AnyEvent]:
        """Give up the book until the next snapshot; what waited for one is forgotten."""
        self._waiting = _Waiting()
        if self.update_id is None:
            return []
        self.update_id = None
        return [BookWithdrawn(symbol=self._instrument.symbol, reason=reason, time_ms=self._advance(time_ms))]

    def _is_old(self, update: DepthUpdate) -> bool:
        if self._spanning and self.update_id is not None:
            self._skipped += 1
            return self._skipped <= UPDATES_SKIPPED_MAX and update.within(self.update_id)
        if (update.first_id, update.last_id) not in self._recent_ids:
            return False
        self._report(Problem.REPEATED, f"update {update.last_id} is in the book already")
        return True

    def _reset(self, snapshot: Snapshot, time_ms: int) -> BookReset:
        bids = sorted((level for level in self._parse(snapshot.bids) if level[1]), reverse=True)
        asks = sorted(level for level in self._parse(snapshot.asks) if level[1])
        if bids and asks and bids[0][0] >= asks[0][0]:
            raise ValueError("the best bid reaches the best ask")
        return BookReset(symbol=self._instrument.symbol, bids=bids, asks=asks, time_ms=self._advance(time_ms))

    def _apply(self, update: DepthUpdate, time_ms: int) -> list[AnyEvent]:
        try:
            changes: list[LevelChange] = [(Side.BUY, *level) for level in self._parse(update.bids)]
            changes += [(Side.SELL, *level) for level in self._parse(update.asks)]
        except ValueError as error:
            return self._refuse(Problem.INVALID, f"update {update.last_id}: {error}", time_ms)
        self.update_id, self._spanning = update.last_id, False
        self._recent_ids.append((update.first_id, update.last_id))
        if not changes:
            return []
        return [LevelsChanged(symbol=self._instrument.symbol, changes=changes, time_ms=self._advance(time_ms))]

    def _break(self, update: DepthUpdate, time_ms: int) -> list[AnyEvent]:
        found = f"{update.first_id} to {update.last_id}, previous {update.previous_id}"
        events = self._refuse(Problem.GAP, f"update {found} does not follow {self.update_id}", time_ms)
        self._wait(update, time_ms)
        return events

    def _refuse(self, problem: Problem, details: str, time_ms: int) -> list[AnyEvent]:
        self._report(problem, details)
        return self.withdraw(problem, time_ms)

    def _wait(self, update: DepthUpdate, time_ms: int) -> None:
        self._waiting.add(update, time_ms)
        if self._waiting.count == UPDATES_WAITED:
            self._report(Problem.NO_SNAPSHOT, f"no snapshot up to update {update.last_id}")

    def _parse(self, levels: list[LevelText]) -> list[Level]:
        return [(self._price(price), self._quantity(quantity)) for price, quantity in levels]

    def _advance(self, time_ms: int) -> int:
        self._time_ms = max(self._time_ms, time_ms)
        return self._time_ms


class _Waiting:
    """Updates that wait for a snapshot, with their times; `count` is of all that ever did."""

    def __init__(self) -> None:
        self.count = 0
        self._updates: deque[tuple[DepthUpdate, int]] = deque()
        self._levels = 0

    def add(self, update: DepthUpdate, time_ms: int) -> None:
        """Add `update`; the oldest go when there are too many."""
        self.count += 1
        self._updates.append((update, time_ms))
        self._levels += 1 + len(update.bids) + len(update.asks)
        while self._levels > LEVELS_BUFFERED_MAX:
            oldest, _ = self._updates.popleft()
            self._levels -= 1 + len(oldest.bids) + len(oldest.asks)

    def after(self, snapshot_id: int) -> list[tuple[DepthUpdate, int]]:
        """Return the updates that a snapshot at `snapshot_id` does not contain, oldest first."""
        return [(update, time_ms) for update, time_ms in self._updates if not update.within(snapshot_id)]
