"""One side of a book: ranks, and the net of several changes."""

import pytest

from finalex.market.book import LevelSide
from finalex.model.orders import Side


def side_of(side: Side, *levels: tuple[int, int]) -> LevelSide:
    made = LevelSide(side)
    made.replace(levels)
    return made


@pytest.mark.parametrize(("side", "prices"), [(Side.BUY, [30, 20, 10]), (Side.SELL, [10, 20, 30])])
def test_levels_are_best_first(side: Side, prices: list[int]) -> None:
    book_side = side_of(side, (20, 2), (10, 1), (30, 3))
    assert [price for price, _ in book_side.levels(5)] == prices
    assert book_side.levels(1) == [(prices[0], prices[0] // 10)]
    assert book_side.best == prices[0]


def test_an_empty_side_has_no_best_price() -> None:
    assert LevelSide(Side.BUY).best == 0


def test_orders_at_one_price_add_up_and_the_last_to_go_removes_the_level() -> None:
    bids = side_of(Side.BUY, (20, 2))
    changes = [bids.adjust(10, 5), bids.adjust(10, 1), bids.adjust(10, -4), bids.adjust(10, -2)]
    assert [(c.deleted, c.updated, c.added) for c in changes if c] == [
        ([], [], [(1, -10)]),
        ([], [(1, -10)], []),
        ([], [(1, -10)], []),
        ([(1, -10)], [], []),
    ]
    assert bids.levels(5) == [(20, 2)]


def test_taking_from_an_empty_price_changes_nothing() -> None:
    assert side_of(Side.SELL, (20, 2)).adjust(30, -1) is None


def test_a_level_that_stays_the_same_is_no_change() -> None:
    asks = side_of(Side.SELL, (20, 2))
    assert asks.change({20: 2, 30: 0}) is None


def test_several_changes_are_ranked_before_and_after() -> None:
    asks = side_of(Side.SELL, (10, 1), (20, 1), (30, 1), (40, 1))
    change = asks.change({10: 0, 30: 0, 15: 2, 5: 2, 40: 9, 20: 1})
    assert change is not None
    assert change.deleted == [(0, 10), (2, 30)]
    assert change.updated == [(1, 40)]  # of those that stayed: 20 and 40
    assert change.added == [(0, 5), (1, 15)]
    assert asks.levels(9) == [(5, 2), (15, 2), (20, 1), (40, 9)]


def test_replacing_leaves_out_empty_levels() -> None:
    assert side_of(Side.SELL, (30, 1), (20, 0), (10, 2)).levels(9) == [(10, 2), (30, 1)]
