"""Orders: their sides, types, states and ids."""

from enum import StrEnum
from uuid import UUID


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The side this one trades against."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order is priced."""

    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    """How long an order lives: until canceled, only now, or now and wholly."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    """Where an order is in its life; the last four are final."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class EndReason(StrEnum):
    """Why an order ended before it was filled; all but the first leave the status `expired`."""

    CANCELED = "canceled"
    UNFILLED = "unfilled"
    """The rest of an IOC or market order, or a FOK order that could not be filled wholly."""
    SELF_TRADE = "self_trade"
    """The taker would have met an order of its own account."""

    @property
    def status(self) -> OrderStatus:
        """The final status that an order ended for this reason has."""
        return OrderStatus.CANCELED if self is EndReason.CANCELED else OrderStatus.EXPIRED


_NUMBER_BITS = 62
_TIME_BITS = 48


def order_id_text(number: int, created_ms: int) -> str:
    """Return the id a client sees: a version 8 UUID (RFC 9562) of creation time and order number.

    It sorts by creation, needs no randomness, and reads back to `number` with `order_number`.
    """
    time_part = (created_ms & (1 << _TIME_BITS) - 1) << 80
    digits = f"{time_part | 8 << 76 | 2 << 62 | number & (1 << _NUMBER_BITS) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def order_number(text: str) -> int | None:
    """Return the order number within an id made by `order_id_text`, or `None` if it is no such id.

    The caller must compare the order's own `order_id_text` with `text`: the time part is not checked here.
    """
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value.int & (1 << _NUMBER_BITS) - 1 if str(value) == text else None
