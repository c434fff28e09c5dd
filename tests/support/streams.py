"""Made-up lines of a recording of this platform, as `finalex record` writes them."""

import json
from typing import Any

START_MS = 1_700_000_040_000
"""A whole minute, from which the tests count."""

RECEIVED_MS = 50
"""How long a message is under way."""

Levels = list[tuple[str, str]]


def line(message: dict[str, Any], at_ms: int) -> bytes:
    """Return one line that was received when the server's clock showed `at_ms` after the start, a little before."""
    receive_ns = (START_MS + at_ms + RECEIVED_MS) * 1_000_000
    return f"{receive_ns} {json.dumps(message, separators=(',', ':'))}\n".encode()


def published(kind: str, channel: str, data: dict[str, Any], at_ms: int) -> bytes:
    """Return the line of a channel's message."""
    message = {"id": f"{channel}:{data['symbol']}:x", "type": kind, "channel": channel, "data": data}
    return line(message | {"timestamp": START_MS + at_ms}, at_ms)


def started(*symbols: str) -> bytes:
    """Return the recorder's first line."""
    subscriptions = [{"channel": channel, "symbol": symbol} for symbol in symbols for channel in ("trades", "ticker")]
    data = {"status": "started", "url": "ws://localhost", "subscriptions": subscriptions}
    return line({"type": "recording", "data": data, "timestamp": START_MS}, 0)


def disconnected(at_ms: int) -> bytes:
    """Return the recorder's line for a connection that was lost."""
    return line({"type": "recording", "data": {"status": "disconnected", "reason": "lost"}}, at_ms)


def connected(at_ms: int = 0) -> bytes:
    """Return the first message of a connection."""
    data = {"status": "connected", "server_time": START_MS + at_ms}
    return line({"id": "s", "type": "connection_status", "data": data, "timestamp": START_MS + at_ms}, at_ms)


def trade(
    number: int,
    price: str = "100.00",
    quantity: str = "1.00000000",
    *,
    side: str = "buy",
    at_ms: int = 0,
    symbol: str = "BTC/USDT",
) -> bytes:
    """Return the line of a trade."""
    data = {"symbol": symbol, "trade_id": str(number), "price": price, "quantity": quantity, "side": side}
    return published("trade", "trades", data | {"timestamp": START_MS + at_ms}, at_ms)


def snapshot(
    sequence: int,
    *,
    bids: Levels | None = None,
    asks: Levels | None = None,
    at_ms: int = 0,
    symbol: str = "BTC/USDT",
    **more: object,
) -> bytes:
    """Return the line of an order book's snapshot."""
    data = {"symbol": symbol, "depth": 1000, "bids": bids or [], "asks": asks or []}
    data |= {"timestamp": START_MS + at_ms, "sequence": sequence}
    return published("orderbook_snapshot", "orderbook", data | more, at_ms)


def update(
    sequence: int,
    side: str = "buy",
    price: str = "99.00",
    quantity: str = "1.00000000",
    *,
    action: str = "update",
    at_ms: int = 0,
    symbol: str = "BTC/USDT",
) -> bytes:
    """Return the line of an order book's update."""
    data = {"symbol": symbol, "depth": 1000, "side": side, "price": price, "quantity": quantity, "action": action}
    data |= {"timestamp": START_MS + at_ms, "sequence": sequence}
    return published("orderbook_update", "orderbook", data, at_ms)


def ticker(at_ms: int = 0, symbol: str = "BTC/USDT") -> bytes:
    """Return the line of a ticker."""
    return published("ticker", "ticker", {"symbol": symbol, "price": "1", "timestamp": START_MS + at_ms}, at_ms)


def kline(minute: int, *, closed: bool, at_ms: int = 0, symbol: str = "BTC/USDT") -> bytes:
    """Return the line of the candle of the minute `minute`."""
    open_ms = START_MS + minute * 60_000
    data = {"symbol": symbol, "interval": "1m", "open_time": open_ms, "close_time": open_ms + 59_999}
    return published("kline", "kline", data | {"is_closed": closed}, at_ms)
