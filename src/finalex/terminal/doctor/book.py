"""Whether an order book is told without a hole, and never crossed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from finalex.client.local_book import Level, LocalBook
from finalex.protocol.messages import BookSnapshotData, BookUpdateData
from finalex.terminal.doctor.findings import Finding, found, skipped


class BookCheck:
    """Follows one order book of `depth` levels; looks at it as a whole whenever time goes on in it.

    One event may change many levels, one message each: only between two events is the book a book.
    """

    channel = "orderbook"

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._book = LocalBook()
        self._snapshots = 0
        self._updates = 0
        self._hole: str | None = None
        self._wrong: str | None = None

    def take(self, message: dict[str, Any]) -> None:
        """Take a message of the channel; raises `msgspec.ValidationError` if it has not its shape."""
        if message["type"] == "orderbook_snapshot":
            self._begin(msgspec.convert(message["data"], BookSnapshotData))
        else:
            self._change(msgspec.convert(message["data"], BookUpdateData))

    def findings(self) -> list[Finding]:
        """Return what was seen."""
        if not self._snapshots and not self._updates:
            missing = found("book sequence", "no snapshot came", "")
            return [missing, skipped("book levels", "no order book")]
        self._look()
        book, sequence = self._book, self._book.sequence
        levels = f"{len(book.bids)} bids, {len(book.asks)} asks, never crossed"
        return [
            found("book sequence", self._hole, f"snapshot and {self._updates} updates without a hole, to {sequence}"),
            found("book levels", self._wrong, levels),
        ]

    def _begin(self, snapshot: BookSnapshotData) -> None:
        self._snapshots += 1
        if not (_is_ordered(snapshot.bids, falling=True) and _is_ordered(snapshot.asks, falling=False)):
            self._wrong = self._wrong or f"the levels of the snapshot {snapshot.sequence} are not in order"
        self._book.reset(snapshot)

    def _change(self, update: BookUpdateData) -> None:
        self._updates += 1
        if not self._snapshots:
            self._hole = self._hole or f"update {update.sequence} came before any snapshot"
        if update.timestamp != self._book.timestamp:
            self._look()
        last = self._book.sequence
        if not self._book.apply(update):
            self._hole = self._hole or f"update {update.sequence} came after {last}"
            self._book.whole, self._book.sequence = True, update.sequence - 1
            self._book.apply(update)

    def _look(self) -> None:
        """Judge the book as it is; behind a hole there is nothing to judge."""
        book = self._book
        bid, ask = book.bids.best(1), book.asks.best(1)
        if self._hole or self._wrong:
            return
        if bid and ask and Decimal(bid[0][0]) >= Decimal(ask[0][0]):
            self._wrong = f"crossed at {book.sequence}: bid {bid[0][0]}, ask {ask[0][0]}"
        elif max(len(book.bids), len(book.asks)) > self._depth:
            self._wrong = f"more than {self._depth} levels a side at {book.sequence}"


def _is_ordered(levels: Sequence[Level], *, falling: bool) -> bool:
    prices = [Decimal(price) for price, _ in levels]
    return prices == sorted(set(prices), reverse=falling)
