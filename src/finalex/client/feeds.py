"""Feeds: what the core knows of each subscription, and how each kind of them begins again without loss."""

from abc import ABC, abstractmethod
from enum import StrEnum

from finalex.client import messages
from finalex.client.errors import Gap
from finalex.client.local_book import LocalBook
from finalex.client.messages import HeartbeatRow, PublicationMessage, Result
from finalex.protocol.streams import Stream


class State(StrEnum):
    """How a subscription stands.

    `resuming`: it has been asked for, and the answer is still to come. `live`: it is as the server has it.
    `stale`: the connection is lost, or the server holds messages back because they are not read fast enough.
    """

    RESUMING = "resuming"
    LIVE = "live"
    STALE = "stale"


_STALE = State.STALE  # looked at for every message, and looking up a member takes long


class Feed(ABC):
    """One subscription; `request` is the id of the request that it waits for, `acknowledged` whether one was answered.

    `stumbled_ms` is when a message of it last could not be read.
    Until the answer has come, messages of its channel belong to an earlier request and are left out.
    """

    def __init__(self, key: int, stream: Stream) -> None:
        self.key = key
        self.stream = stream
        self.state = State.RESUMING
        self.request: str | None = None
        self.acknowledged = False
        self.alone = False
        self.last_id: str | None = None
        self.last_ms = 0
        self.stumbled_ms: int | None = None

    @property
    def lossy(self) -> bool:
        """Whether the server holds its messages back from a client that is too slow."""
        return self.stream.channel in ("ticker", "kline", "orderbook")

    @property
    def listens(self) -> bool:
        """Whether it needs heartbeats to know that nothing is missing at its end."""
        return self.stream.channel in ("orderbook", "trades", "orders", "user_trades")

    @property
    def broken(self) -> bool:
        """Whether something is missing that asking again on the same connection brings."""
        return False

    def item(self, server_ms: int) -> dict[str, str | int | bool]:
        """Return what to subscribe with, so that nothing is missed; `server_ms` is the server's clock, 0 if unknown."""
        named: dict[str, str | int | bool] = {**self.stream.params()}
        return named | self._past(server_ms)

    def begin(self, result: Result) -> list[object]:
        """Take the answer to a request that succeeded; return what to deliver."""
        self.acknowledged, self.alone = True, False
        self.state = State.LIVE
        if result.resumed is False:
            self.last_id = None
            return [self._forget()]
        return []

    def lose(self) -> None:
        """The connection is lost."""
        self.state, self.request = State.STALE, None

    def hold(self) -> None:
        """The server holds messages back until more is read."""
        self.state = State.STALE

    def take(self, message: PublicationMessage) -> list[object]:
        """Take the next message; return what to deliver."""
        if self.state is _STALE:
            self.state = State.LIVE
        delivered = self._take(message)
        if delivered:
            self.last_id, self.last_ms = str(message.id), message.timestamp
        return delivered

    def hear(self, row: HeartbeatRow, sequence: int) -> None:  # noqa: B027 (for most of them it says nothing)
        """Take in what the server had sent last of it, as of the batch `sequence` of its log."""

    @abstractmethod
    def _past(self, server_ms: int) -> dict[str, str | int | bool]:
        """Return the parameters that say from where to begin."""

    @abstractmethod
    def _take(self, message: PublicationMessage) -> list[object]:
        """Return what to deliver."""

    def _forget(self) -> Gap:
        """What came before does not lead to what comes next."""
        return self._gap("too long ago to be told again")

    def _gap(self, details: str) -> Gap:
        return Gap(self.stream.channel, self.stream.symbol, details)


class StateFeed(Feed):
    """Each message is the whole present state, so that none before it is needed: `ticker`, `account`."""

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        return {}

    def _take(self, message: PublicationMessage) -> list[object]:
        return [message.data]


class StatusFeed(StateFeed):
    """The status of a market, or of all: it may stay for days, so a last change that never came is asked for."""

    def __init__(self, key: int, stream: Stream) -> None:
        super().__init__(key, stream)
        self._missed = False

    @property
    def listens(self) -> bool:
        """See `Feed.listens`."""
        return True

    @property
    def broken(self) -> bool:
        """See `Feed.broken`."""
        return self._missed and self.state is State.LIVE

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`; the present status comes next."""
        self._missed = False
        return super().begin(result)

    def hear(self, row: HeartbeatRow, sequence: int) -> None:  # noqa: ARG002 (the interface's)
        """See `Feed.hear`."""
        self._missed = row.last_id is not None and row.last_id != self.last_id


class BookFeed(Feed):
    """An order book, which is `live` while it is whole."""

    def __init__(self, key: int, stream: Stream) -> None:
        super().__init__(key, stream)
        self.book = LocalBook()

    @property
    def broken(self) -> bool:
        """See `Feed.broken`: an update is missing, and a new snapshot heals that."""
        return not self.book.whole and self.state is State.LIVE

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`; the snapshot is still to come."""
        super().begin(result)
        self.state, self.book.whole = State.RESUMING, False
        return []

    def lose(self) -> None:
        """See `Feed.lose`."""
        super().lose()
        self.book.whole = False

    def hear(self, row: HeartbeatRow, sequence: int) -> None:  # noqa: ARG002 (the interface's)
        """See `Feed.hear`."""
        if self.state is State.LIVE and row.sequence is not None:
            self.book.expect(row.sequence)

    def take(self, message: PublicationMessage) -> list[object]:
        """See `Feed.take`; what does not lead to a whole book delivers nothing."""
        if message.data.depth != self.stream.depth:  # type: ignore[union-attr] # those of a book have it
            return []
        return self._take(message)

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        return {}

    def _take(self, message: PublicationMessage) -> list[object]:
        if isinstance(message, messages.BookSnapshot):
            self.book.reset(message.data)
            self.state = State.LIVE
            return [self.book]
        if isinstance(message, messages.BookUpdate) and self.book.apply(message.data):
            return [self.book]
        return []
