"""The port of an upstream: a real exchange, as what it streams of a few markets."""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import NamedTuple, Protocol

from finalex.model.orders import Side

LevelText = tuple[str, str]
"""A price and a quantity, as decimal text."""


class MarketTrade(NamedTuple):
    """A trade; the numbers are decimal text, `side` is the taker's.

    Of what an exchange does not say, `id` is empty, and `side` and `time_ms` (its own clock's) are `None`.
    """

    id: str
    price: str
    quantity: str
    side: Side | None
    time_ms: int | None


class MarketBook(NamedTuple):
    """A whole book, best first on both sides; the quantities of levels that share a price add up.

    `number` grows with the book's changes for as long as a stream lasts; it and `time_ms` are `None` if unknown.
    """

    bids: Sequence[LevelText]
    asks: Sequence[LevelText]
    time_ms: int | None = None
    number: int | None = None


class MarketFeed(Protocol):
    """An exchange. Text in what it gives need not be a number: whoever uses it finds out."""

    name: str

    async def open(self, symbols: Collection[str]) -> Collection[str]:
        """Learn which markets there are, and return those of `symbols` that can be streamed.

        Raises `FeedError`, and nothing else; it may be tried again then.
        """
        ...

    def books(self, symbol: str) -> AsyncGenerator[MarketBook, None]:
        """Stream the book of a market: as it is now, and again after changes, of which some may be left out.

        Raises `FeedError`, and nothing else, when the stream is broken or the book is in doubt; a new one begins
        with the book as it is then.
        """
        ...

    def trades(self, symbol: str) -> AsyncGenerator[Sequence[MarketTrade], None]:
        """Stream the trades of a market as they come; a new stream may begin with earlier ones.

        Raises `FeedError`, and nothing else, when the stream is broken.
        """
        ...

    async def close(self) -> None:
        """End all streams and connections."""
        ...


class FeedError(Exception):
    """The exchange cannot be reached or understood for now; the text says why, as a sentence without its end."""


class UpstreamError(ValueError):
    """There is no such upstream, or nothing in it to stream; the text is a sentence for the operator."""
