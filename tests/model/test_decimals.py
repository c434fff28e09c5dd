"""Decimal text and integers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.model.decimals import UNITS_MAX, divide_rounded, format_units, parse_units


@given(st.integers(-UNITS_MAX, UNITS_MAX), st.integers(0, 12))
def test_text_is_the_exact_decimal_with_all_its_decimals(units: int, decimals: int) -> None:
    text = format_units(units, decimals)
    assert Decimal(text) == Decimal(units).scaleb(-decimals)
    assert len(text.partition(".")[2]) == decimals


@given(st.integers(0, UNITS_MAX), st.integers(0, 12))
def test_text_reads_back_to_the_same_units(units: int, decimals: int) -> None:
    assert parse_units(format_units(units, decimals), decimals) == units


def test_zeros_past_the_decimals_are_accepted() -> None:
    assert parse_units("1.2500000000", 2) == 125
    assert parse_units("007", 2) == 700


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "-1", "+1", "1e3", "1E3", "1,5", " 1", "1 ", "0x10", "NaN", "inf", "١", "1_0", "1" * 41],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parse_units(text, 8)


def test_more_decimals_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 2 decimals"):
        parse_units("1.001", 2)


def test_what_does_not_fit_the_log_is_refused() -> None:
    assert parse_units(str(UNITS_MAX), 0) == UNITS_MAX
    with pytest.raises(ValueError, match="too large"):
        parse_units(str(UNITS_MAX + 1), 0)


@pytest.mark.parametrize(("numerator", "result"), [(5, 3), (4, 2), (3, 2), (1, 1), (-5, -3), (-3, -2), (0, 0)])
def test_division_rounds_half_away_from_zero(numerator: int, result: int) -> None:
    assert divide_rounded(numerator, 2) == result
