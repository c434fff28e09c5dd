"""Moments of their own for many things, so that they do not all happen at once."""

_GOLDEN = 0.6180339887498949


def spread(number: int) -> float:
    """Return a share from 0 to below 1; those of successive numbers are evenly apart, however many there are."""
    return number * _GOLDEN % 1
