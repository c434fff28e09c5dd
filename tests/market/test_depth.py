"""Every window of a book: a reader of snapshot and updates holds exactly the best levels."""

from collections.abc import Sequence

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from finalex.market import depth as depth_module
from finalex.market.book import SideChange
from finalex.market.depth import DepthBook
from finalex.market.windows import Action, LevelUpdate
from finalex.model.events import LevelChange
from finalex.model.orders import Side
from market.client import Client, Levels, changed, crossed, difference, empty
from market.strategies import Adjust, Move, Operation, Raw, Reset, Withdraw, operations

DEPTHS = (1, 2, 3, 5, 8)
NOW_MS = 7


class Watched:
    """A book under test, the same book done naively, and a reader of each depth who joins at some step."""

    def __init__(self, joins: Sequence[int]) -> None:
        self.book = DepthBook(DEPTHS)
        self.naive = empty()
        self.stale = False
        self.readers = [Client(depth) for depth in DEPTHS]
        self.joins = joins

    def carry_out(self, step: int, operation: Operation) -> None:
        """Carry out one operation, and see that it reached everybody."""
        for index in range(len(DEPTHS)):
            if self.joins[index] == step:
                self.send_snapshot(index)
        before = list(self.book.sequences)
        match operation:
            case Reset(book):
                assert self.book.reset(book[Side.BUY].items(), book[Side.SELL].items(), NOW_MS)
                self.replaced(before, book, stale=False)
            case Withdraw():
                if self.book.withdraw(NOW_MS):
                    self.replaced(before, empty(), stale=True)
                assert self.stale
            case Adjust():
                self.adjust(before, operation)
            case Move() | Raw():
                self.change(before, operation.changes(self.naive) if isinstance(operation, Move) else operation.changes)
        assert self.book.stale == self.stale

    def replaced(self, before: list[int], book: Levels, *, stale: bool) -> None:
        """The whole book is another: one more in every stream, and a snapshot for every reader."""
        self.naive, self.stale = book, stale
        assert self.book.sequences == [sequence + 1 for sequence in before]
        for index, reader in enumerate(self.readers):
            if reader.sequence is not None:
                self.send_snapshot(index)

    def adjust(self, before: list[int], adjust: Adjust) -> None:
        """An order rests or leaves; one that would cross the book is not sent: an exchange matches it first."""
        side, price, delta = adjust
        after = changed(self.naive, [(side, price, max(0, self.naive[side].get(price, 0) + delta))])
        if not crossed(after):
            change = self.book.adjust(side, price, delta, NOW_MS)
            self.updated(before, () if change is None else (change,), self.naive if self.stale else after)

    def change(self, before: list[int], changes: list[LevelChange]) -> None:
        """Levels change together; a book that this leaves crossed is withdrawn."""
        after = self.naive if self.stale else changed(self.naive, changes)
        changes_by_side = self.book.change(changes, NOW_MS)
        assert (changes_by_side is None) == crossed(after)
        if changes_by_side is None:
            event("crossed")
            self.replaced(before, empty(), stale=True)
        else:
            self.updated(before, changes_by_side, after)

    def updated(self, before: list[int], changes: Sequence[SideChange], after: Levels) -> None:
        """Each window gets exactly the levels that differ, numbered without a gap."""
        for index, depth in enumerate(DEPTHS):
            updates = self.book.updates(changes, index) if changes else []
            assert len(updates) == difference(self.naive, after, depth)
            assert self.book.sequences[index] == before[index] + len(updates)
            assert (index in self.book.moved) == bool(updates)
            if self.readers[index].sequence is not None:
                for update in updates:
                    self.readers[index].update(*update)
                assert self.readers[index].holds(after)
        self.naive = after

    def send_snapshot(self, index: int) -> None:
        book, reader = self.book, self.readers[index]
        reader.snapshot(book.bids.levels(reader.depth), book.asks.levels(reader.depth), book.sequences[index])
        assert reader.holds(self.naive)


@settings(max_examples=200, deadline=None)
@given(st.lists(operations(price_max=12), max_size=20), st.lists(st.integers(0, 10), min_size=5, max_size=5))
def test_whoever_joins_at_any_time_holds_the_best_levels_after_every_event(
    steps: list[Operation], joins: list[int]
) -> None:
    watched = Watched(joins)
    for step, operation in enumerate(steps):
        watched.carry_out(step, operation)


def full_book(depths: Sequence[int] = DEPTHS) -> DepthBook:
    """Bids at 10, 20 … 50 and asks at 60, 70 … 100, one each."""
    book = DepthBook(depths)
    book.reset([(price, 1) for price in range(50, 0, -10)], [(price, 1) for price in range(60, 101, 10)], NOW_MS)
    return book


def shown(updates: list[LevelUpdate]) -> list[str]:
    return [f"{update.action} {update.side} {update.price} {update.quantity}" for update in updates]


def test_a_level_that_leaves_a_full_window_is_deleted_before_the_new_one_is_added() -> None:
    book = full_book()
    change = book.adjust(Side.BUY, 55, 2, NOW_MS)
    assert change is not None
    assert shown(book.updates((change,), DEPTHS.index(3))) == ["delete buy 30 0", "add buy 55 2"]
    assert shown(book.updates((change,), DEPTHS.index(8))) == ["add buy 55 2"]


def test_a_level_that_enters_a_window_is_added_after_the_gone_one_is_deleted() -> None:
    book = full_book()
    change = book.adjust(Side.SELL, 60, -1, NOW_MS)
    assert change is not None
    assert shown(book.updates((change,), DEPTHS.index(2))) == ["delete sell 60 0", "add sell 80 1"]


def test_a_change_outside_a_window_is_nothing_to_it() -> None:
    book = full_book()
    before = list(book.sequences)
    change = book.adjust(Side.SELL, 80, 1, NOW_MS + 5)
    assert change is not None
    assert [after - sequence for after, sequence in zip(book.sequences, before, strict=True)] == [0, 0, 1, 1, 1]
    assert book.changed_ms == [NOW_MS, NOW_MS, NOW_MS + 5, NOW_MS + 5, NOW_MS + 5]
    assert book.updates((change,), DEPTHS.index(2)) == []


def test_a_market_that_moves_is_deletes_worst_first_then_adds_best_first_then_updates() -> None:
    book = full_book()
    moved: list[LevelChange] = [(Side.SELL, 60, 0), (Side.SELL, 70, 0), (Side.SELL, 80, 5)]
    moved += [(Side.BUY, 60, 3), (Side.BUY, 70, 2), (Side.BUY, 50, 4)]
    changes = book.change(moved, NOW_MS)
    assert changes
    assert shown(book.updates(changes, DEPTHS.index(3))) == [
        "delete buy 30 0",
        "delete buy 40 0",
        "delete sell 70 0",
        "delete sell 60 0",
        "add buy 70 2",
        "add buy 60 3",
        "add sell 90 1",
        "add sell 100 1",
        "update buy 50 4",
        "update sell 80 5",
    ]


def test_levels_that_come_and_go_in_one_event_are_nothing() -> None:
    book = full_book()
    before = list(book.sequences)
    assert book.change([(Side.BUY, 55, 3), (Side.BUY, 55, 0), (Side.BUY, 50, 1)], NOW_MS) == ()
    assert book.sequences == before


def test_a_locked_book_is_crossed() -> None:
    book = full_book()
    assert book.change([(Side.BUY, 60, 1)], NOW_MS) is None
    assert book.stale
    assert (len(book.bids), len(book.asks)) == (0, 0)


def test_a_withdrawn_book_ignores_everything_but_a_reset() -> None:
    book = full_book()
    assert book.withdraw(NOW_MS)
    before = list(book.sequences)
    assert not book.withdraw(NOW_MS)
    assert book.change([(Side.BUY, 10, 1)], NOW_MS) == ()
    assert book.adjust(Side.BUY, 10, 1, NOW_MS) is None
    assert not book.reset([(2, 1)], [(1, 1)], NOW_MS)
    assert (book.sequences, book.bids.best, book.stale) == (before, 0, True)
    assert book.reset([(1, 1)], [(2, 1)], NOW_MS)
    assert (book.sequences, book.bids.best, book.stale) == ([sequence + 1 for sequence in before], 1, False)


def test_a_crossed_reset_withdraws_the_book() -> None:
    book = full_book()
    assert book.reset([(2, 1)], [(1, 1)], NOW_MS)
    assert book.stale


def test_a_book_with_too_many_levels_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_module, "LEVELS_MAX", 6)
    book = full_book()
    assert book.change([(Side.BUY, 1, 1)], NOW_MS)
    assert book.change([(Side.BUY, 2, 1)], NOW_MS) is None
    assert book.stale


def test_actions_are_written_as_in_the_protocol() -> None:
    assert [str(action) for action in Action] == ["add", "update", "delete"]
