"""Histograms count what is not above a bound."""

from hypothesis import given
from hypothesis import strategies as st

from finalex.histogram import Histogram


@given(values=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3))))
def test_each_bucket_has_all_that_is_not_above_its_bound(values: list[tuple[int, int]]) -> None:
    histogram = Histogram((1, 5, 10))
    for value, times in values:
        histogram.observe(value, times)
    plain = [value for value, times in values for _ in range(times)]
    expected = {"1": 1.0, "5": 5.0, "10": 10.0, "+Inf": 100.0}
    assert dict(histogram.buckets()) == {name: sum(v <= bound for v in plain) for name, bound in expected.items()}
    assert histogram.sum == sum(plain)
