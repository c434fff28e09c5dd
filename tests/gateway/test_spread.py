"""Moments that many things get without knowing of each other."""

from itertools import pairwise

import pytest

from finalex.gateway.spread import spread


@pytest.mark.parametrize("count", [2, 10, 1000])
@pytest.mark.parametrize("first", [0, 123_456])
def test_any_run_of_numbers_is_spread_evenly(count: int, first: int) -> None:
    shares = sorted(spread(number) for number in range(first, first + count))
    assert all(0 <= share < 1 for share in shares)
    assert max(after - before for before, after in pairwise([*shares, shares[0] + 1])) <= 2 / count
