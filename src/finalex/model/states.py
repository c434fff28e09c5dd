"""The states of a market: what may be done in it for now."""

from enum import StrEnum


class MarketState(StrEnum):
    """What a market takes, from everything to nothing."""

    OPEN = "open"
    POST_ONLY = "post_only"
    """Orders that add to the book, and cancels: nothing trades."""
    CANCEL_ONLY = "cancel_only"
    """Cancels alone."""
    HALTED = "halted"
    """Nothing: what is in the book stays there, but for orders whose connection ends and wanted them canceled then."""
