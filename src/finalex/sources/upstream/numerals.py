"""Numbers of unknown make as exact decimal text.

Libraries that speak with many exchanges hand out floats. A float stands for every decimal number of up to 15
significant digits exactly (IEEE 754 binary64; C's `DBL_DIG`): the shortest text that reads back as the float is the
number that the exchange wrote. So such text is used, and nothing is ever calculated with the float. A float whose
shortest text is longer is no number that an exchange wrote in 15 digits, but the product of a multiplication, or had
more digits to begin with: it is rounded to 15, which undoes the former and is the one place where digits are lost.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException
from functools import lru_cache

FLOAT_DIGITS = 15
"""So many significant digits of a decimal number survive in a float, always."""

NUMERALS_CACHED_MAX = 1 << 16
"""The texts of so many numbers are kept: most levels of a book come again and again."""

EXPONENT_MAX = 40
"""A number from 10 to this power on, or as far below 1, is none of a market; it would be long to write, too."""

_FLOAT = Context(prec=FLOAT_DIGITS, rounding=ROUND_HALF_EVEN)


@lru_cache(NUMERALS_CACHED_MAX)
def decimal_text(value: object) -> str:
    """Return a number as plain decimal text, without an exponent; of what is no number, text that is none either."""
    text = str(value)
    try:
        number = _FLOAT.create_decimal(text) if isinstance(value, float) else Decimal(text)
    except DecimalException:
        return f"not a number: {text[:40]}"
    if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
        return f"no number of a market: {text[:40]}"
    return format(number, "f")
