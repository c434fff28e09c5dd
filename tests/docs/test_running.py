"""Shown output is recognised whatever its numbers were, and only then."""

import re

import pytest

from docs.running import pattern


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("SOL/USDT         142.87     2.10 %", "SOL/USDT         110.34    -0.02 %"),
        ("SOL/USDT         142.87    -2.10 %", "SOL/USDT           9.5      0 %"),
        ("ready at 2026-11-23 … (pid 12)", "ready at 2027-01-02 10:00:03 on port 8081 (pid 3)"),
    ],
)
def test_other_numbers_are_the_same_line(shown: str, printed: str) -> None:
    assert re.fullmatch(pattern(shown), printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("price 2.10 %", "price 2.10"), ("price 2.10 %", "price x %"), ("a-2", "a--2"), ("two words", "twowords")],
)
def test_other_words_are_another_line(shown: str, printed: str) -> None:
    assert not re.fullmatch(pattern(shown), printed)
