"""Continuity: whether anything is missing between the messages of a stream."""

from typing import NamedTuple

from finalex.recorder.received import Received

TRADE_ID_DIGITS_MAX = 19


class Gap(NamedTuple):
    """Messages of a channel are missing; `details` is a sentence without its end."""

    channel: str
    symbol: str
    details: str


class Continuity:
    """Watches the sequences of order books and the ids of trades, both of which grow by exactly 1.

    After a gap a book is not watched again until its next snapshot, which makes it whole.
    """

    def __init__(self) -> None:
        self._books: dict[str, int | None] = {}
        self._trades: dict[str, int] = {}

    def reconnect(self) -> None:
        """Expect new snapshots: another connection begins. Trades go on, and what was missed shows."""
        self._books.clear()

    def take(self, message: Received) -> Gap | None:
        """Return what is missing before `message`, if anything is."""
        match message.type:
            case "orderbook_update":
                return self._take_update(message.data.symbol, message.data.sequence)
            case "orderbook_snapshot":
                self._books[message.data.symbol] = message.data.sequence
            case "trade":
                return self._take_trade(message.data.symbol, message.data.trade_id)
        return None

    def _take_update(self, symbol: str, sequence: int) -> Gap | None:
        last = self._books.get(symbol, -1)
        if last is None or last + 1 == sequence > 0:
            self._books[symbol] = last if last is None else sequence
            return None
        self._books[symbol] = None
        details = f"update {sequence} follows {last}" if last >= 0 else f"update {sequence} comes before any snapshot"
        return Gap("orderbook", symbol, details)

    def _take_trade(self, symbol: str, text: str) -> Gap | None:
        if len(text) > TRADE_ID_DIGITS_MAX or not (text.isascii() and text.isdigit()):
            return None
        number = int(text)
        last = self._trades.get(symbol, number - 1)
        self._trades[symbol] = number
        missing = number - last - 1
        return Gap("trades", symbol, f"{missing} missing before trade {number}") if missing > 0 else None
