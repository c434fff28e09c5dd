"""What each channel must hold to: one check a channel, which takes its messages one after the other."""

from decimal import Decimal
from typing import Any, Protocol

import msgspec

from finalex.client.messages import HeartbeatData
from finalex.market.intervals import end_ms, start_ms
from finalex.protocol.messages import KlineData, TickerData, TradeData
from finalex.terminal.doctor.findings import Finding, found, skipped


class Check(Protocol):
    """Takes the messages of a `channel`, and says what it has found."""

    channel: str

    def take(self, message: dict[str, Any]) -> None:
        """Take a message of the channel; raises `msgspec.ValidationError` if it has not its shape."""

    def findings(self) -> list[Finding]:
        """Return what was seen."""


class TickerCheck:
    """A ticker is of its symbol, and its numbers go together."""

    channel = "ticker"

    def __init__(self) -> None:
        self._count = 0
        self._wrong: str | None = None

    def take(self, message: dict[str, Any]) -> None:
        """See `Check.take`."""
        self._count += 1
        ticker = msgspec.convert(message["data"], TickerData)
        low, price, high = Decimal(ticker.low_24h), Decimal(ticker.price), Decimal(ticker.high_24h)
        if not low <= price <= high:
            self._wrong = self._wrong or f"price {price} is not between low {low} and high {high}"
        if ticker.bid and ticker.ask and Decimal(ticker.bid) >= Decimal(ticker.ask) > 0:
            self._wrong = self._wrong or f"bid {ticker.bid} is not below ask {ticker.ask}"

    def findings(self) -> list[Finding]:
        """See `Check.findings`."""
        if not self._count:
            return [skipped("ticker", "none came: there may be no price yet")]
        return [found("ticker", self._wrong, f"{self._count} messages, low ≤ price ≤ high, bid < ask")]


class TradesCheck:
    """The ids of trades grow by 1."""

    channel = "trades"

    def __init__(self) -> None:
        self._count = 0
        self._last: int | None = None
        self._wrong: str | None = None

    def take(self, message: dict[str, Any]) -> None:
        """See `Check.take`."""
        self._count += 1
        trade, last = int(msgspec.convert(message["data"], TradeData).trade_id), self._last
        if last is not None and trade != last + 1:
            self._wrong = self._wrong or f"trade {trade} came after {last}"
        self._last = trade

    def findings(self) -> list[Finding]:
        """See `Check.findings`."""
        if not self._count:
            return [skipped("trades", "none came: the market is quiet")]
        return [found("trades", self._wrong, f"{self._count} trades, ids without a hole")]


class KlineCheck:
    """Candles lie in their interval, hold their prices, and follow each other."""

    channel = "kline"

    def __init__(self) -> None:
        self._count = 0
        self._last: KlineData | None = None
        self._wrong: str | None = None

    def take(self, message: dict[str, Any]) -> None:
        """See `Check.take`."""
        self._count += 1
        candle = msgspec.convert(message["data"], KlineData)
        self._wrong = self._wrong or _misplaced(candle) or _mispriced(candle) or self._misordered(candle)
        self._last = candle

    def findings(self) -> list[Finding]:
        """See `Check.findings`."""
        if not self._count:
            return [skipped("candles", "none came: there may be no price yet")]
        return [found("candles", self._wrong, f"{self._count} messages, aligned, in order, low ≤ prices ≤ high")]

    def _misordered(self, candle: KlineData) -> str | None:
        last = self._last
        if last is None:
            return None
        expected = end_ms(last.interval, last.open_time) if last.is_closed else last.open_time
        if candle.open_time == expected:
            return None
        return f"the candle of {candle.open_time} came where that of {expected} should"


class HeartbeatCheck:
    """The heartbeat comes at once."""

    channel = "heartbeat"

    def __init__(self) -> None:
        self._count = 0

    def take(self, message: dict[str, Any]) -> None:
        """See `Check.take`."""
        msgspec.convert(message["data"], HeartbeatData)
        self._count += 1

    def findings(self) -> list[Finding]:
        """See `Check.findings`."""
        return [
            found(
                "heartbeat",
                None if self._count else "none came",
                f"{self._count} message{'' if self._count == 1 else 's'}",
            )
        ]


class PrivateCheck:
    """Messages of the private channels are counted per account, over all channels together."""

    channel = "account"

    def __init__(self) -> None:
        self._count = 0
        self._last: int | None = None
        self._wrong: str | None = None

    def take(self, message: dict[str, Any]) -> None:
        """See `Check.take`; messages that are sent again have the numbers that they had."""
        self._count += 1
        sequence, last = msgspec.convert(message["data"]["sequence"], int), self._last
        if message["channel"] == "account" and last is None:
            self._last = sequence
        elif last is not None and sequence > last:
            if sequence != last + 1:
                self._wrong = self._wrong or f"message {sequence} came after {last}"
            self._last = sequence

    def findings(self) -> list[Finding]:
        """See `Check.findings`."""
        if self._last is None:
            return [found("private channels", "no account came", "")]
        return [found("private channels", self._wrong, f"{self._count} messages, without a hole, up to {self._last}")]


def _misplaced(candle: KlineData) -> str | None:
    opens = start_ms(candle.interval, candle.open_time)
    if candle.open_time == opens and candle.close_time == end_ms(candle.interval, opens) - 1:
        return None
    return f"the candle of {candle.open_time} to {candle.close_time} is not one of {candle.interval}"


def _mispriced(candle: KlineData) -> str | None:
    low, high = Decimal(candle.low), Decimal(candle.high)
    if low <= Decimal(candle.open) <= high and low <= Decimal(candle.close) <= high:
        return None
    return f"the candle of {candle.open_time} opens or closes outside of {low} to {high}"
