"""Pacing: at most one in each interval, and the last change always."""

from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.channels.pacing import Pacing


def test_a_change_after_a_quiet_time_is_due_at_once() -> None:
    pacing = Pacing(100)
    pacing.touch("A")
    assert pacing.take_due(1000) == ["A"]
    assert pacing.take_due(5000) == []
    pacing.touch("A")
    assert pacing.take_due(5001) == ["A"]


def test_a_change_within_the_interval_is_due_at_its_end() -> None:
    pacing = Pacing(100)
    pacing.touch("A")
    pacing.take_due(1000)
    pacing.touch("A")
    assert pacing.take_due(1099) == []
    assert pacing.take_due(1100) == ["A"]
    assert pacing.take_due(1200) == []


def test_symbols_wait_each_for_itself() -> None:
    pacing = Pacing(100)
    pacing.touch("A")
    pacing.take_due(1000)
    pacing.touch("A")
    pacing.touch("B")
    assert pacing.take_due(1050) == ["B"]
    assert pacing.take_due(1100) == ["A"]


SYMBOLS = ("A", "B", "C")


@given(
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 150), st.lists(st.sampled_from(SYMBOLS), max_size=4)), max_size=30),
)
@settings(deadline=None)
def test_never_too_soon_and_never_later_than_due(interval_ms: int, steps: list[tuple[int, list[str]]]) -> None:
    pacing, now_ms = Pacing(interval_ms), 0
    published: dict[str, int] = {}
    waiting: set[str] = set()
    for gap_ms, changed in steps:
        now_ms += gap_ms
        for symbol in changed:
            pacing.touch(symbol)
        waiting.update(changed)
        due = pacing.take_due(now_ms)
        expected = {symbol for symbol in waiting if now_ms >= published.get(symbol, -interval_ms) + interval_ms}
        assert len(due) == len(set(due))
        assert set(due) == expected
        waiting -= expected
        published.update(dict.fromkeys(due, now_ms))
