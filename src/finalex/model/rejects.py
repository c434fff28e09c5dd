"""Why an order is refused: one list, in the order in which the rules are checked."""

from enum import StrEnum


class RejectReason(StrEnum):
    """The first rule, in this order, that an order breaks."""

    TRADING_DISABLED = "trading_disabled"
    """This server's source takes no orders (it replays or mirrors a market)."""
    EXCHANGE_UNAVAILABLE = "exchange_unavailable"
    """Nothing can be made durable at the moment (a full disk, for instance): try again later."""
    ORDER_RATE = "order_rate"
    """The account sends more orders a second than it may: try again a moment later."""
    BOOK_STALE = "book_stale"
    """The market is traded on paper, and what its book is elsewhere is not known at the moment: try again later."""
    MARKET_HALTED = "market_halted"
    MARKET_CANCEL_ONLY = "market_cancel_only"
    MARKET_POST_ONLY = "market_post_only"
    """The market is in this state, and the order is none that it takes (see the channel `status`)."""
    PRICE_OUT_OF_BOUNDS = "price_out_of_bounds"
    PRICE_NOT_ON_TICK = "price_not_on_tick"
    QUANTITY_OUT_OF_BOUNDS = "quantity_out_of_bounds"
    QUANTITY_NOT_ON_LOT = "quantity_not_on_lot"
    NOTIONAL_TOO_SMALL = "notional_too_small"
    NOTIONAL_TOO_LARGE = "notional_too_large"
    PRICE_OUTSIDE_BAND = "price_outside_band"
    """It could trade at a price much worse than that of the last trade."""
    TOO_MANY_OPEN_ORDERS = "too_many_open_orders"
    POST_ONLY_WOULD_TAKE = "post_only_would_take"
    NO_LIQUIDITY = "no_liquidity"
    """A market order met an empty book."""
    INSUFFICIENT_FUNDS = "insufficient_funds"
