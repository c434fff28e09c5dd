"""The wall clock."""

import time

import pytest

from finalex import clock


def test_the_clock_counts_milliseconds_since_1970() -> None:
    before_ms, now_ms, after_ms = time.time_ns() // 1_000_000, clock.now_ms(), time.time_ns() // 1_000_000

    assert before_ms <= now_ms <= max(now_ms, after_ms)


def test_the_clock_stands_still_when_the_system_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    times_ns = iter([2_000_000_000, 1_000_000_000, 2_001_000_000])
    monkeypatch.setattr(clock, "_last_ms", 0)
    monkeypatch.setattr(time, "time_ns", lambda: next(times_ns))

    assert [clock.now_ms(), clock.now_ms(), clock.now_ms()] == [2000, 2000, 2001]
