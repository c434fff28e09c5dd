"""The structures that bots written for ccxt expect, made from messages of this protocol.

Fields are those of `ccxt.base.types`. Their numbers are floats, as ccxt has them; `info` holds the message with its
exact decimal text. What is not known is `None`. Times are milliseconds since 1970, and ISO 8601 text.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from finalex.protocol.messages import AccountData, KlineData, OrderData, TickerData, TradeData, UserTradeData

Structure = dict[str, Any]

_STATUSES = {"new": "open", "partially_filled": "open", "filled": "closed"}
"""ccxt's words for the states of an order; the others are the same."""


def unified_ticker(data: TickerData) -> Structure:
    """Return a ticker structure; prices that are 0 because a side is empty are `None`."""
    last, change, volume = float(data.price), float(data.change_24h), float(data.volume_24h)
    opened = last - change
    return _timed(data.timestamp) | {
        "symbol": data.symbol,
        "info": msgspec.to_builtins(data),
        "high": float(data.high_24h),
        "low": float(data.low_24h),
        "bid": float(data.bid) or None,
        "bidVolume": None,
        "ask": float(data.ask) or None,
        "askVolume": None,
        "vwap": float(data.quote_volume_24h) / volume if volume else None,
        "open": opened,
        "close": last,
        "last": last,
        "previousClose": None,
        "change": change,
        "percentage": float(data.change_percent_24h),
        "average": (last + opened) / 2,
        "quoteVolume": float(data.quote_volume_24h),
        "baseVolume": volume,
        "indexPrice": None,
        "markPrice": None,
    }


def unified_trade(data: TradeData) -> Structure:
    """Return a trade structure of a public trade; `side` is the taker's."""
    return _trade(data, data.trade_id, None, None, None)


def unified_own_trade(data: UserTradeData) -> Structure:
    """Return a trade structure of a trade of one's own."""
    fee = {"currency": data.fee_currency, "cost": float(data.fee)}
    return _trade(data, data.trade_id, data.order_id, data.role, fee)


def _trade(
    data: TradeData | UserTradeData, trade_id: str, order_id: str | None, role: str | None, fee: Structure | None
) -> Structure:
    price, amount = float(data.price), float(data.quantity)
    return _timed(data.timestamp) | {
        "info": msgspec.to_builtins(data),
        "id": trade_id,
        "order": order_id,
        "symbol": data.symbol,
        "type": None,
        "side": data.side,
        "takerOrMaker": role,
        "price": price,
        "amount": amount,
        "cost": price * amount,
        "fee": fee,
        "fees": [] if fee is None else [fee],
    }


def unified_order(data: OrderData) -> Structure:
    """Return an order structure; a market order has no price, and one without a fill no average."""
    filled, average = float(data.filled_quantity), float(data.average_price)
    fee = {"currency": data.fee_currency, "cost": float(data.fees)}
    return _timed(data.created_at) | {
        "info": msgspec.to_builtins(data),
        "id": data.order_id,
        "clientOrderId": data.client_order_id,
        "lastTradeTimestamp": None,
        "lastUpdateTimestamp": data.updated_at,
        "status": _STATUSES.get(data.status, data.status),
        "symbol": data.symbol,
        "type": data.type,
        "timeInForce": data.time_in_force,
        "side": data.side,
        "price": float(data.price) or None,
        "average": average if filled else None,
        "amount": float(data.quantity),
        "filled": filled,
        "remaining": float(data.remaining_quantity),
        "stopPrice": None,
        "triggerPrice": None,
        "takeProfitPrice": None,
        "stopLossPrice": None,
        "cost": filled * average,
        "trades": [],
        "fee": fee,
        "fees": [fee],
        "reduceOnly": None,
        "postOnly": data.post_only,
        "marginMode": None,
        "leverage": None,
    }


def unified_candle(data: KlineData) -> list[float]:
    """Return an OHLCV list: open time, open, high, low, close, volume in the base."""
    return [data.open_time, *map(float, (data.open, data.high, data.low, data.close, data.volume))]


def unified_balance(data: AccountData) -> Structure:
    """Return a balance structure: by currency, and by kind (`free`, `used`, `total`)."""
    held = {
        balance.currency: {
            "free": float(balance.available),
            "used": float(balance.locked),
            "total": float(balance.total),
        }
        for balance in data.balances
    }
    kinds = {
        kind: {currency: amounts[kind] for currency, amounts in held.items()} for kind in ("free", "used", "total")
    }
    return {"info": msgspec.to_builtins(data), **_timed(data.timestamp), **held, **kinds}


def unified_book(
    symbol: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]], timestamp: int, sequence: int
) -> Structure:
    """Return an order book structure: lists of price and amount, best first."""
    sides = {"bids": [list(map(float, level)) for level in bids], "asks": [list(map(float, level)) for level in asks]}
    return {"symbol": symbol, **sides, **_timed(timestamp), "nonce": sequence}


def _timed(timestamp: int) -> Structure:
    text = datetime.fromtimestamp(timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    return {"timestamp": timestamp, "datetime": text.replace("+00:00", "Z")}
