"""The messages of this platform as a client sees them, and how `finalex record` writes them down.

Trades and order books are used; of tickers and candles, which follow from them, only the time is. Source: the
platform's WebSocket API specification. Fields that are not in it may be missing, unknown ones are ignored.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from finalex.sources.messages import (
    ID_MAX,
    TIME_MS_MAX,
    Contents,
    Count,
    DepthUpdate,
    Hole,
    LevelText,
    Message,
    Other,
    Snapshot,
    Stale,
    TimeMs,
    TimeOnly,
    Trade,
)

NO_BOOK = re.compile(rb'\{"id":"(?:trades|ticker|kline|account|orders|user_trades):')
"""How a message of this server begins that is no update of a book, also when the rest of it is torn."""

_BOOK_CHANNELS = ("orderbook", "trades")


class _Frame(msgspec.Struct, gc=False):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Trade(msgspec.Struct, gc=False):
    symbol: str
    trade_id: str
    price: str
    quantity: str
    side: Literal["buy", "sell"]
    timestamp: TimeMs

    def message(self) -> Message:
        text = self.trade_id
        number = int(text) if len(text) <= len(str(ID_MAX)) and text.isascii() and text.isdigit() else ID_MAX + 1
        if number > ID_MAX:
            raise ValueError(f"the trade id {text[:30]!r} is no number")
        sold = self.side == "sell"
        return Trade(self.symbol, self.timestamp, self.timestamp, number, self.price, self.quantity, sold)


class _BookSnapshot(msgspec.Struct, gc=False):
    symbol: str
    bids: list[LevelText]
    asks: list[LevelText]
    timestamp: Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
    sequence: Count
    stale: bool = False

    def message(self) -> Message:
        """Return the book; one in which nothing has happened may have no time yet."""
        time_ms = self.timestamp or None
        if self.stale:
            return Stale(self.symbol, time_ms)
        return Snapshot(self.sequence, self.bids, self.asks, time_ms, symbol=self.symbol)


class _BookUpdate(msgspec.Struct, gc=False):
    symbol: str
    side: Literal["buy", "sell"]
    price: str
    quantity: str
    action: Literal["add", "update", "delete"]
    timestamp: TimeMs
    sequence: Count

    def message(self) -> Message:
        levels = [(self.price, "0" if self.action == "delete" else self.quantity)]
        bids, asks = (levels, []) if self.side == "buy" else ([], levels)
        return DepthUpdate(self.symbol, self.timestamp, self.sequence, self.sequence, bids, asks)


class _Ticker(msgspec.Struct, gc=False):
    timestamp: TimeMs

    def message(self) -> Message:
        return TimeOnly(self.timestamp)


class _Kline(msgspec.Struct, gc=False):
    close_time: TimeMs
    is_closed: bool

    def message(self) -> Message:
        return TimeOnly(self.close_time + 1) if self.is_closed else Other("kline")


class _ConnectionStatus(msgspec.Struct, gc=False):
    status: str

    def message(self) -> Message:
        """Return `Hole` for a new connection: what was missed before it, nobody knows."""
        return Hole("the recorder connected") if self.status == "connected" else Other("connection_status")


class _Mark(msgspec.Struct, gc=False):
    """What the recorder itself has to say."""

    status: str
    reason: str = ""
    subscriptions: list[dict[str, Any]] = []

    def message(self) -> Message:
        match self.status:
            case "started":
                symbols = [item.get("symbol") for item in self.subscriptions if item.get("channel") in _BOOK_CHANNELS]
                return Contents(tuple(dict.fromkeys(symbol for symbol in symbols if isinstance(symbol, str))))
            case "disconnected":
                return Hole(f"the recorder lost its connection: {self.reason}"[:200])
            case _:
                return Other("recording")


_Data = _Trade | _BookSnapshot | _BookUpdate | _Ticker | _Kline | _ConnectionStatus | _Mark

_frame = msgspec.json.Decoder(_Frame)
_kinds: dict[str, type[_Data]] = {
    "trade": _Trade,
    "orderbook_snapshot": _BookSnapshot,
    "orderbook_update": _BookUpdate,
    "ticker": _Ticker,
    "kline": _Kline,
    "connection_status": _ConnectionStatus,
    "recording": _Mark,
}
_data: dict[str, msgspec.json.Decoder[_Data]] = {type_: msgspec.json.Decoder(kind) for type_, kind in _kinds.items()}


def decode(text: bytes) -> Message:
    """Return what one message of a server means for its markets.

    Raises `ValueError` for anything else: no JSON, a missing field, a wrong type, a number out of range.
    """
    try:
        frame = _frame.decode(text)
        decoder = _data.get(frame.type)
        return decoder.decode(frame.data).message() if decoder else Other(frame.type)
    except RecursionError:
        raise ValueError("nested too deeply") from None
