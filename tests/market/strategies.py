"""Hypothesis strategies for what happens to a book."""

from typing import NamedTuple

from hypothesis import strategies as st

from finalex.model.events import LevelChange
from finalex.model.orders import Side
from market.client import Levels

quantities = st.integers(1, 3)


class Adjust(NamedTuple):
    """An order rests at a price, or (negative) leaves it."""

    side: Side
    price: int
    delta: int


class Move(NamedTuple):
    """The market moves to another book, in one event."""

    target: Levels
    no_ops: bool

    def changes(self, book: Levels) -> list[LevelChange]:
        """Return what leads from `book` to the target, with or without the levels that stay as they are."""
        prices = {(side, price) for levels in (book, self.target) for side in Side for price in levels[side]}
        changes = [(side, price, self.target[side].get(price, 0)) for side, price in sorted(prices)]
        return changes if self.no_ops else [c for c in changes if book[c[0]].get(c[1], 0) != c[2]]


class Raw(NamedTuple):
    """Levels change as they like: the book may become crossed."""

    changes: list[LevelChange]


class Reset(NamedTuple):
    """The whole book is replaced."""

    book: Levels


class Withdraw(NamedTuple):
    """The book can no longer be trusted."""


Operation = Adjust | Move | Raw | Reset | Withdraw


@st.composite
def book_states(draw: st.DrawFn, price_max: int) -> Levels:
    """Draw a book that is not crossed."""
    middle = draw(st.integers(1, price_max))
    bids = draw(st.dictionaries(st.integers(1, middle), quantities))
    asks = draw(st.dictionaries(st.integers(middle + 1, price_max + 1), quantities))
    return {Side.BUY: bids, Side.SELL: asks}


def outside_operations(price_max: int) -> st.SearchStrategy[Operation]:
    """Return a strategy for what happens to the book of a market from outside, at prices 1 to `price_max` + 1."""
    states = book_states(price_max)
    change = st.tuples(st.sampled_from(Side), st.integers(1, price_max + 1), st.integers(0, 2))
    return st.one_of(
        st.builds(Move, states, st.booleans()),
        st.builds(Raw, st.lists(change, max_size=4)),
        st.builds(Reset, states),
        st.builds(Withdraw),
    )


def operations(price_max: int) -> st.SearchStrategy[Operation]:
    """Return a strategy for all that can happen to a book, at prices 1 to `price_max` + 1."""
    prices = st.integers(1, price_max + 1)
    adjust = st.builds(Adjust, st.sampled_from(Side), prices, st.sampled_from((-2, -1, 1, 2)))
    return adjust | outside_operations(price_max)
