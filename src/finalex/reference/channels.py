"""Every channel: what a subscription takes, and what comes of it."""

from collections.abc import Mapping
from typing import Final

from finalex.protocol.errors import ErrorCode
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS, HISTORY_MAX, INTERVAL_DEFAULT, INTERVALS
from finalex.reference.fields import SYMBOL
from finalex.reference.forms import Channel, Parameter, Schema

_TEXT: Final[Schema] = {"type": "string"}
_PAST: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": HISTORY_MAX, "default": 0}

_SYMBOL: Final = Parameter(
    name="symbol",
    meaning="The trading pair: one of the server's markets.",
    schema=_TEXT | SYMBOL,
    error=ErrorCode.INVALID_SYMBOL,
    example="BTC/USDT",
    required=True,
)

_FILTER: Final = Parameter(
    name="symbol",
    meaning="Of this market alone; of all if missing.",
    schema=_TEXT | SYMBOL,
    error=ErrorCode.INVALID_SYMBOL,
    example="BTC/USDT",
)

_DEPTH: Final = Parameter(
    name="depth",
    meaning="How many levels of each side. A second depth for the same market replaces the first.",
    schema={"type": "integer", "enum": [*DEPTHS], "default": DEPTH_DEFAULT},
    error=ErrorCode.INVALID_DEPTH,
    example=DEPTH_DEFAULT,
)

_INTERVAL: Final = Parameter(
    name="interval",
    meaning="How long a candle is. Candles are aligned in UTC; weeks start on Monday.",
    schema=_TEXT | {"enum": [*INTERVALS], "default": INTERVAL_DEFAULT},
    error=ErrorCode.INVALID_INTERVAL,
    example=INTERVAL_DEFAULT,
)

_HISTORY: Final = Parameter(
    name="history",
    meaning="How many closed candles to send first.",
    schema=_PAST,
    error=ErrorCode.INVALID_PARAMS,
    example=100,
)

_SNAPSHOT: Final = Parameter(
    name="snapshot",
    meaning="How many past trades to send first.",
    schema=_PAST,
    error=ErrorCode.INVALID_PARAMS,
    example=100,
)

_OPEN_ORDERS: Final = Parameter(
    name="snapshot",
    meaning="Whether the open orders are sent first.",
    schema={"type": "boolean", "default": True},
    error=ErrorCode.INVALID_PARAMS,
    example=False,
)


def _after(example: str) -> Parameter:
    return Parameter(
        name="after",
        meaning="The `id` of the last message you have: everything since is sent, then live messages.",
        schema=_TEXT,
        error=ErrorCode.INVALID_PARAMS,
        example=example,
    )


_RESUME: Final = (
    "With `after` the reply says whether the subscription is `resumed`. If it is not, because the message is too old "
    "or unknown, the current state follows as without `after`."
)

_COUNTED: Final = (
    "`sequence` counts the account's messages over the three private channels together: subscribe to all three in one "
    "request, and each message has the number before plus 1."
)

_ALL: Final = (
    Channel(
        name="ticker",
        title="Ticker",
        summary="The last price and the rolling 24 hours of a market.",
        parameters=(_SYMBOL,),
        at_once="The current ticker, if there was a trade yet.",
        then="The ticker when it has changed, at most one per `ticker_interval_ms`; the last one always comes.",
        messages=("ticker",),
    ),
    Channel(
        name="orderbook",
        title="Order book",
        summary="The best levels of a market's order book, and every change of them.",
        parameters=(_SYMBOL, _DEPTH),
        at_once="A snapshot.",
        then="One update for each level that changes, enters or leaves; a new snapshot where updates cannot say it.",
        notes=(
            "Apply every update in order: `add` and `update` set a level, `delete` removes it. What you hold is then "
            "exactly the best `depth` levels of each side.",
            "Each update has the `sequence` before plus 1. After a gap subscribe again: you get a fresh snapshot.",
        ),
        messages=("orderbook_snapshot", "orderbook_update"),
    ),
    Channel(
        name="trades",
        title="Trades",
        summary="Every trade of a market.",
        parameters=(_SYMBOL, _SNAPSHOT, _after("trades:BTC/USDT:987654321")),
        at_once="The past trades that were asked for, oldest first.",
        then="Every trade.",
        notes=(_RESUME,),
        messages=("trade",),
    ),
    Channel(
        name="kline",
        title="Candles",
        summary="Candles of a market, from one minute to one month.",
        parameters=(_SYMBOL, _INTERVAL, _HISTORY),
        at_once="The closed candles that were asked for, oldest first, then the running one.",
        then="The running candle when it has changed, at most one per `kline_interval_ms`, and always one last message "
        "with `is_closed` when it ends.",
        notes=("A minute without a trade has the price before four times, and volume 0.",),
        messages=("kline",),
    ),
    Channel(
        name="status",
        title="Market status",
        summary="What a market takes, and whether its book can be trusted.",
        parameters=(_FILTER,),
        at_once="The present status of the market, or of all.",
        then="The whole status of a market whenever a part of it changes.",
        notes=(
            "In a `post_only` market only post-only orders can be placed, in a `cancel_only` market none; a `halted` "
            "one is as it is, and nothing can be canceled either, but by `cancel_on_disconnect`.",
        ),
        messages=("status",),
    ),
    Channel(
        name="account",
        title="Account",
        summary="The balances of your account.",
        private=True,
        at_once="All balances.",
        then="All balances whenever one has changed.",
        notes=(_COUNTED,),
        messages=("account_update",),
    ),
    Channel(
        name="orders",
        title="Orders",
        summary="Every change of your orders.",
        private=True,
        parameters=(_FILTER, _OPEN_ORDERS, _after("orders:4711-0-t")),
        at_once="Every open order, oldest first.",
        then="Each new version of an order: accepted or rejected, each fill, the end.",
        notes=(_RESUME, _COUNTED),
        messages=("order_update",),
    ),
    Channel(
        name="user_trades",
        title="Own trades",
        summary="Your own trades.",
        private=True,
        parameters=(_FILTER, _SNAPSHOT, _after("user_trades:BTC/USDT:123456789")),
        at_once="The past trades that were asked for, oldest first.",
        then="Every fill of your orders.",
        notes=(_RESUME, _COUNTED),
        messages=("user_trade",),
    ),
    Channel(
        name="heartbeat",
        title="Heartbeat",
        summary="What was sent last of each of this connection's other subscriptions.",
        at_once="One heartbeat.",
        then="One every `heartbeat_interval_ms`. If you hold something older than it says, you have missed something.",
        messages=("heartbeat",),
    ),
)

CHANNELS: Final[Mapping[str, Channel]] = {channel.name: channel for channel in _ALL}
"""Every channel by its name."""
