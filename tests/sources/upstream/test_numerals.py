"""Numbers of ccxt as text: exact as far as a float can be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.model.decimals import parse_units
from finalex.sources.upstream.numerals import EXPONENT_MAX, FLOAT_DIGITS, decimal_text


@given(st.integers(0, 10**FLOAT_DIGITS - 1), st.integers(0, 18))
def test_every_number_of_15_digits_comes_through_a_float_exactly(digits: int, decimals: int) -> None:
    number = Decimal(digits).scaleb(-decimals)

    assert Decimal(decimal_text(float(str(number)))) == number


@given(st.integers(0, 10**12 - 1))
def test_a_quantity_of_8_decimals_is_parsed_to_the_units_that_the_exchange_wrote(units: int) -> None:
    text = f"{units // 10**8}.{units % 10**8:08d}"

    assert parse_units(decimal_text(float(text)), 8) == units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (3 * 1.1, "3.3"),
        (61837.63, "61837.63"),
        (1e-7, "0.0000001"),
        (2.5e6, "2500000"),
        (7, "7"),
        ("0.123456789012345678", "0.123456789012345678"),
        ("1e-3", "0.001"),
        (Decimal("12.500"), "12.500"),
    ],
)
def test_numbers_are_plain_text(value: object, text: str) -> None:
    assert Decimal(decimal_text(value)) == Decimal(text)
    assert "e" not in decimal_text(value).lower()


@pytest.mark.parametrize(
    "value", [None, "", "abc", float("nan"), float("inf"), "-", f"1e{EXPONENT_MAX + 1}", "1e999999999", -1.5, 1e-300]
)
def test_what_is_no_number_of_a_market_is_not_taken_for_one(value: object) -> None:
    text = decimal_text(value)

    assert len(text) < 100
    with pytest.raises(ValueError, match=r"must be|is too large|has more"):
        parse_units(text, 8)
