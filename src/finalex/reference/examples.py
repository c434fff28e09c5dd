"""One example of the data of every message, with the values that the specification uses."""

from typing import Final

from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import (
    AccountData,
    BalanceData,
    BookSnapshotData,
    BookUpdateData,
    ConnectionStatusData,
    ErrorData,
    KlineData,
    OrderData,
    RateLimitsData,
    StatusData,
    TickerData,
    TradeData,
    UserTradeData,
)

NOW_MS: Final = 1672531200000

SYMBOL: Final = "BTC/USDT"

ORDER_ID: Final = "0185698d-5c60-8000-8000-000000000001"
CLIENT_ORDER_ID: Final = "mine-1"

TICKER: Final = TickerData(
    symbol=SYMBOL,
    price="45678.90",
    change_24h="1234.56",
    change_percent_24h="2.78",
    volume_24h="1234567.89000000",
    quote_volume_24h="55765432101.23000000",
    high_24h="46000.00",
    low_24h="44500.00",
    bid="45678.50",
    ask="45679.00",
    timestamp=NOW_MS,
)

STATUS: Final = StatusData(
    symbol=SYMBOL, state="cancel_only", book="live", reason="prices are being looked at", timestamp=NOW_MS
)

BOOK: Final = BookSnapshotData(
    symbol=SYMBOL,
    depth=20,
    bids=[("45678.50", "1.25000000"), ("45678.00", "2.50000000")],
    asks=[("45679.00", "0.75000000"), ("45679.50", "1.80000000")],
    timestamp=NOW_MS,
    sequence=123456789,
)

LEVEL: Final = BookUpdateData(
    symbol=SYMBOL,
    depth=20,
    side="buy",
    price="45678.50",
    quantity="1.25000000",
    action="update",
    timestamp=NOW_MS,
    sequence=123456790,
)

TRADE: Final = TradeData(
    symbol=SYMBOL, trade_id="987654321", price="45678.90", quantity="0.50000000", side="buy", timestamp=NOW_MS
)

KLINE: Final = KlineData(
    symbol=SYMBOL,
    interval="1m",
    open_time=NOW_MS,
    close_time=NOW_MS + 59_999,
    open="45600.00",
    high="45700.00",
    low="45550.00",
    close="45678.90",
    volume="123.45678900",
    is_closed=False,
)

ACCOUNT: Final = AccountData(
    balances=[
        BalanceData(currency="BTC", available="1.25000000", locked="0.50000000", total="1.75000000"),
        BalanceData(currency="USDT", available="10000.00000000", locked="5000.00000000", total="15000.00000000"),
    ],
    timestamp=NOW_MS,
    sequence=44,
)

ORDER: Final = OrderData(
    order_id=ORDER_ID,
    client_order_id=CLIENT_ORDER_ID,
    symbol=SYMBOL,
    side="buy",
    type="limit",
    time_in_force="GTC",
    post_only=False,
    status="filled",
    quantity="1.00000000",
    price="45678.90",
    filled_quantity="1.00000000",
    remaining_quantity="0.00000000",
    average_price="45678.90",
    fees="0.00100000",
    fee_currency="BTC",
    created_at=NOW_MS - 100_000,
    updated_at=NOW_MS,
    sequence=42,
)

ACCEPTED: Final = OrderData(
    order_id=ORDER_ID,
    client_order_id=CLIENT_ORDER_ID,
    symbol=SYMBOL,
    side="buy",
    type="limit",
    time_in_force="GTC",
    post_only=False,
    status="new",
    quantity="1.00000000",
    price="45678.90",
    filled_quantity="0.00000000",
    remaining_quantity="1.00000000",
    average_price="0.00",
    fees="0.00000000",
    fee_currency="BTC",
    created_at=NOW_MS - 100_000,
    updated_at=NOW_MS - 100_000,
)

USER_TRADE: Final = UserTradeData(
    trade_id="trade_123456789",
    order_id=ORDER_ID,
    client_order_id=CLIENT_ORDER_ID,
    symbol=SYMBOL,
    side="buy",
    quantity="0.50000000",
    price="45678.90",
    fee="0.00050000",
    fee_currency="BTC",
    role="taker",
    timestamp=NOW_MS,
    sequence=43,
)

CONNECTED: Final = ConnectionStatusData(
    status="connected",
    server_time=NOW_MS,
    rate_limits=RateLimitsData(
        subscriptions_remaining=100, private_subscriptions_remaining=50, connections_remaining=9
    ),
    authenticated=False,
    expires_at=None,
)

CLOSING: Final = ConnectionStatusData(status="closing", server_time=NOW_MS, reconnect_after_ms=3500)

NO_CHANNEL: Final = ErrorData(
    code=ErrorCode.INVALID_CHANNEL,
    message=ErrorCode.INVALID_CHANNEL.message,
    details="Channel 'invalid_channel' does not exist",
)

NO_FUNDS: Final = ErrorData(
    code=ErrorCode.ORDER_REJECTED,
    message=ErrorCode.ORDER_REJECTED.message,
    details="the order breaks the rule 'insufficient_funds'",
    reason="insufficient_funds",
)
