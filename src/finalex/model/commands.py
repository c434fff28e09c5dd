"""Commands: what somebody asks of the exchange. They may be refused; events may not.

Encoded, they are tagged with their own names.
"""

import msgspec

from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.model.states import MarketState


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Place an order. `price` (units) is 0 for a market order; `symbol` is known and numbers are parsed."""

    user: str
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    price: int = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    client_order_id: str | None = None


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Cancel one open order of `user`, named by exactly one of its two ids.

    `always` is for those whose connection ended: it is done in a halted market, too.
    """

    user: str
    order_id: str | None = None
    client_order_id: str | None = None
    always: bool = False


class CancelAllOrders(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Cancel all open orders of `user`, of one symbol or, with `None`, of all; those in halted markets stay."""

    user: str
    symbol: str | None = None


class Credit(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Add `amount` (10^-8 of `currency`) to an available balance. A repeated `reference` does nothing."""

    user: str
    currency: str
    amount: int
    reference: str


class Debit(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Take `amount` (10^-8 of `currency`) from an available balance; credits and debits share their references."""

    user: str
    currency: str
    amount: int
    reference: str


class SetMarketState(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Put the market of `symbol` into `state`; the operator's `reason` is for everybody to read."""

    symbol: str
    state: MarketState
    reason: str = ""


Command = PlaceOrder | CancelOrder | CancelAllOrders | Credit | Debit | SetMarketState
