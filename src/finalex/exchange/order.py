"""An order as the exchange knows it."""

import msgspec

from finalex.model.orders import EndReason, OrderStatus, OrderType, Side, TimeInForce, order_id_text
from finalex.model.rejects import RejectReason


class Order(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An order at one moment; every change makes a new one.

    `number` counts the exchange's orders from 1. Prices and quantities are in the instrument's units;
    `filled_value` is the sum of price × quantity over its trades; `locked` (quote for a buy, base for a sell)
    and `fees` (of what the order receives) are amounts. Encoded, it is an array of the fields in their order.
    """

    number: int
    user: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price: int
    quantity: int
    client_order_id: str | None
    status: OrderStatus
    reject_reason: RejectReason | None = None
    end_reason: EndReason | None = None
    filled: int = 0
    filled_value: int = 0
    fees: int = 0
    locked: int = 0
    created_ms: int
    updated_ms: int

    @property
    def reason(self) -> RejectReason | EndReason | None:
        """Why it was refused, or ended before it was filled."""
        return self.reject_reason or self.end_reason

    @property
    def id(self) -> str:
        """The id a client sees."""
        return order_id_text(self.number, self.created_ms)

    @property
    def remaining(self) -> int:
        """The quantity not filled."""
        return self.quantity - self.filled
