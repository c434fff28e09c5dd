"""The bars of the order book, and how many levels there are."""

from decimal import Decimal

import pytest

from finalex.terminal.ladder import bar, ladder
from terminal.market import market_view


@pytest.mark.parametrize(
    ("part", "drawn"), [("0", ""), ("8", "████"), ("4", "██"), ("1", "▌"), ("0.25", "▏"), ("3", "█▌")]
)
def test_a_bar_is_as_long_as_its_part_of_the_whole(part: str, drawn: str) -> None:
    assert bar(Decimal(part), Decimal(8), 4) == drawn


def test_the_largest_quantity_that_is_shown_has_the_longest_bar() -> None:
    view = market_view()
    view.bids[0] = (view.bids[0][0], "3.00000000")
    lines = ladder(view, 34, 21).plain.split("\n")

    assert max(lines, key=lambda line: line.count("█")).startswith("45678.50")


def test_as_many_levels_are_shown_as_fit() -> None:
    lines = ladder(market_view(), 34, 21).plain.split("\n")

    assert len(lines) == 21
    assert lines[0].startswith("45688.00")
    assert lines[-1].startswith("45669.50")


def test_a_short_side_leaves_its_space_empty() -> None:
    view = market_view()
    view.asks = view.asks[:1]
    lines = ladder(view, 34, 7).plain.split("\n")

    assert [line[:8] for line in lines[:4]] == ["", "", "45679.00", "spread 0"]
