"""Decimal text and the integers behind it: money and amounts never pass through a float."""

AMOUNT_DECIMALS = 8
"""Every currency is counted in units of 10^-8, as the spec's balances show."""

UNITS_MAX = 2**63 - 1
"""No price, quantity or amount is larger, so that each fits the log's integers."""

TEXT_LENGTH_MAX = 40
"""A longer number is refused before it is parsed."""


def parse_units(text: str, decimals: int) -> int:
    """Return `text` (plain decimal, no sign, no exponent) as an integer in units of 10^-`decimals`.

    Raises `ValueError`, with a sentence for the sender, for any other text, for non-zero digits past
    `decimals` (zeros past it are accepted) and for more than `UNITS_MAX`.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if (
        not (digits.isdigit() and digits.isascii() and whole and bool(point) == bool(fraction))
        or len(text) > TEXT_LENGTH_MAX
    ):
        raise ValueError("must be a plain decimal number such as '1.25'")
    if fraction[decimals:].strip("0"):
        raise ValueError(f"has more than {decimals} decimals")
    units = int(digits.ljust(len(whole) + decimals, "0")[: len(whole) + decimals])
    if units > UNITS_MAX:
        raise ValueError("is too large")
    return units


def format_units(units: int, decimals: int) -> str:
    """Return the decimal text of `units` × 10^-`decimals`, always with exactly `decimals` decimals."""
    if decimals == 0:
        return str(units)
    if units < 0:
        return "-" + format_units(-units, decimals)
    digits = str(units).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def divide_rounded(numerator: int, denominator: int) -> int:
    """Return `numerator` / `denominator` rounded half away from zero; `denominator` is positive."""
    if numerator < 0:
        return -divide_rounded(-numerator, denominator)
    return (2 * numerator + denominator) // (2 * denominator)
