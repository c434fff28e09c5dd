import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.exchange.book import BookSide
from finalex.model.orders import Side


def queues(side: BookSide) -> list[tuple[int, list[int]]]:
    return [(price, list(queue)) for price, queue in side.queues()]


@pytest.mark.parametrize(("side", "prices"), [(Side.BUY, [12, 11, 10]), (Side.SELL, [10, 11, 12])])
def test_the_best_price_comes_first(side: Side, prices: list[int]) -> None:
    book_side = BookSide(side)
    assert book_side.best is None
    for number, price in enumerate([11, 12, 10]):
        book_side.add(price, number)
    assert [price for price, _ in book_side.queues()] == prices
    assert book_side.best == prices[0]


def test_a_queue_keeps_its_order_whoever_leaves() -> None:
    side = BookSide(Side.BUY)
    for number in (1, 2, 3, 4):
        side.add(10, number)
    side.remove(10, 3)
    side.remove(10, 1)
    side.add(10, 1)
    assert queues(side) == [(10, [2, 4, 1])]


def test_an_emptied_price_is_gone() -> None:
    side = BookSide(Side.SELL)
    side.add(10, 1)
    side.add(11, 2)
    side.remove(10, 1)
    assert queues(side) == [(11, [2])]
    side.remove(11, 2)
    assert side.best is None


def test_only_what_rests_at_a_price_can_be_removed_there() -> None:
    side = BookSide(Side.SELL)
    side.add(10, 1)
    with pytest.raises(KeyError):
        side.remove(11, 1)
    with pytest.raises(KeyError):
        side.remove(10, 2)
    assert queues(side) == [(10, [1])]


@given(st.sampled_from(Side), st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9))))
def test_a_side_is_always_its_orders_by_price_then_by_arrival(side: Side, steps: list[tuple[int, int]]) -> None:
    book_side = BookSide(side)
    arrived: list[tuple[int, int]] = []
    for price, number in steps:
        if (price, number) in arrived:
            arrived.remove((price, number))
            book_side.remove(price, number)
        else:
            arrived.append((price, number))
            book_side.add(price, number)
        found = [(level, each) for level, queue in book_side.queues() for each in queue]
        assert found == sorted(arrived, key=lambda order: order[0], reverse=side is Side.BUY)
        assert book_side.best == (found[0][0] if found else None)
