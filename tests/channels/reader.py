"""A client of the order book that reads what the channel publishes."""

from collections.abc import Iterable

from finalex.model.orders import Side
from finalex.protocol.messages import BookSnapshotData, BookUpdateData, Publication
from market.client import Client


class Reader(Client):
    """Reads one depth of BTC/USDT; ids must say what the message is, and numbers follow each other."""

    def read(self, publications: Iterable[Publication]) -> None:
        """Apply all messages of this depth."""
        for publication in publications:
            data, name = publication.data, f"orderbook:BTC/USDT:{self.depth}"
            if isinstance(data, BookUpdateData) and data.depth == self.depth:
                assert publication.id == f"{name}:{data.sequence}"
                self.update(Side(data.side), _units(data.price), _units(data.quantity), data.action, data.sequence)
            elif isinstance(data, BookSnapshotData) and data.depth == self.depth:
                assert publication.id == f"{name}:{data.sequence}:snapshot"
                assert self.sequence is None or data.sequence == self.sequence + 1
                self.snapshot(_levels(data.bids), _levels(data.asks), data.sequence)

    def join(self, opening: list[Publication]) -> None:
        """Start, or start again, with the current state."""
        self.sequence = None
        self.read(opening)


def _units(text: str) -> int:
    return int(text.replace(".", ""))


def _levels(levels: list[tuple[str, str]]) -> list[tuple[int, int]]:
    return [(_units(price), _units(quantity)) for price, quantity in levels]
