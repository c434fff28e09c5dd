"""Where intervals start and end: UTC, Mondays, leap years."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.market.intervals import INTERVALS, end_ms, start_ms
from finalex.protocol import streams


def at(text: str) -> int:
    """Return the milliseconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def test_the_intervals_are_those_of_the_protocol() -> None:
    assert INTERVALS == streams.INTERVALS


@pytest.mark.parametrize(
    ("interval", "time", "start", "end"),
    [
        ("1m", "2024-02-28T23:59:59", "2024-02-28T23:59", "2024-02-29"),
        ("3m", "2024-01-01T00:59:59", "2024-01-01T00:57", "2024-01-01T01:00"),
        ("15m", "2024-01-01T12:44:59", "2024-01-01T12:30", "2024-01-01T12:45"),
        ("1h", "2024-03-31T01:30", "2024-03-31T01:00", "2024-03-31T02:00"),
        ("2h", "2024-03-10T03:30", "2024-03-10T02:00", "2024-03-10T04:00"),
        ("4h", "2024-10-27T03:59", "2024-10-27T00:00", "2024-10-27T04:00"),
        ("6h", "2024-11-03T06:00", "2024-11-03T06:00", "2024-11-03T12:00"),
        ("8h", "2023-12-31T23:59", "2023-12-31T16:00", "2024-01-01T00:00"),
        ("12h", "2024-02-29T12:00", "2024-02-29T12:00", "2024-03-01T00:00"),
        ("1d", "2024-02-29T23:59:59", "2024-02-29", "2024-03-01"),
        ("3d", "1970-01-03T23:59:59", "1970-01-01", "1970-01-04"),
        ("3d", "2024-01-01", "2023-12-31", "2024-01-03"),
        ("1w", "1970-01-04T23:59:59", "1969-12-29", "1970-01-05"),
        ("1w", "2024-02-29", "2024-02-26", "2024-03-04"),
        ("1w", "2024-12-31", "2024-12-30", "2025-01-06"),
        ("1M", "2024-02-29T23:59:59", "2024-02-01", "2024-03-01"),
        ("1M", "2023-02-28T23:59:59", "2023-02-01", "2023-03-01"),
        ("1M", "2000-02-29", "2000-02-01", "2000-03-01"),
        ("1M", "2100-02-28T23:59:59", "2100-02-01", "2100-03-01"),
        ("1M", "2023-12-31T23:59:59", "2023-12-01", "2024-01-01"),
        ("1M", "2024-01-31", "2024-01-01", "2024-02-01"),
    ],
)
def test_boundaries(interval: str, time: str, start: str, end: str) -> None:
    assert start_ms(interval, at(time)) == at(start)
    assert end_ms(interval, at(start)) == at(end)


@given(st.sampled_from(INTERVALS), st.integers(0, at("2200-01-01")))
@settings(deadline=None)
def test_every_time_is_in_exactly_one_interval_and_they_follow_each_other(interval: str, time_ms: int) -> None:
    opened_ms = start_ms(interval, time_ms)
    ended_ms = end_ms(interval, opened_ms)
    assert opened_ms <= time_ms < ended_ms
    assert opened_ms % 60_000 == 0
    assert start_ms(interval, ended_ms) == ended_ms
    assert start_ms(interval, ended_ms - 1) == opened_ms
