"""Feeds that go on after the last message seen: trades, orders, and trades of one's own."""

from abc import abstractmethod

from msgspec import UNSET

from finalex.client import messages
from finalex.client.errors import Gap
from finalex.client.feeds import Feed, State
from finalex.client.messages import HeartbeatRow, PublicationMessage, Result
from finalex.protocol.streams import HISTORY_MAX, Stream

_EVENT_LAST = 10**18 - 1
"""Above the place of any event in its batch, as ids of `orders` count them."""


class LastingFeed(Feed):
    """A channel of which no message may be missing: it goes on after the last message seen.

    Where none was seen yet, the first heartbeat that said so is the place to go on from: what happened since then may
    still be on its way behind a later one.
    """

    def __init__(self, key: int, stream: Stream) -> None:
        super().__init__(key, stream)
        self._quiet: str | None = None
        self._missed = False

    @property
    def broken(self) -> bool:
        """See `Feed.broken`: what is missing is told again from the last message seen on."""
        return self._missed and self.state is State.LIVE

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`."""
        self._missed = False
        return super().begin(result)

    def hear(self, row: HeartbeatRow, sequence: int) -> None:
        """See `Feed.hear`."""
        if row.last_id is not None:
            self._missed = row.last_id != self.last_id
        elif self.last_id is None and self._quiet is None:
            self._quiet = self._place_of_none(sequence)

    @property
    def _place(self) -> str | None:
        return self.last_id or self._quiet

    @abstractmethod
    def _place_of_none(self, sequence: int) -> str | None:
        """Return the place before everything that comes after the batch `sequence`, if there was nothing until then."""

    def _forget(self) -> Gap:
        self._quiet = None
        return super()._forget()

    def _take(self, message: PublicationMessage) -> list[object]:
        return [message.data]


class ResumedFeed(LastingFeed):
    """Trades: `past` messages are asked for at the beginning, at least 1.

    With at least one there is a place to go on from as soon as anything ever happened. Where nothing had, all that
    the server remembers is asked for.
    """

    def __init__(self, key: int, stream: Stream, past: int) -> None:
        super().__init__(key, stream)
        self.past = max(past, 1)

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        if self._place is not None:
            return {"after": self._place, "snapshot": self.past}
        return {"snapshot": HISTORY_MAX if self.acknowledged else self.past}

    def _place_of_none(self, sequence: int) -> str | None:  # noqa: ARG002 (the interface's)
        return None  # no id of theirs names a place in the log


class TradesFeed(ResumedFeed):
    """Public trades, whose ids grow by exactly 1: one that is missing is asked for once, and none comes twice."""

    def __init__(self, key: int, stream: Stream, past: int) -> None:
        super().__init__(key, stream, past)
        self._trade: int | None = None
        self._mended = False

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`."""
        self._mended = self._missed
        return super().begin(result)

    def lose(self) -> None:
        """See `Feed.lose`."""
        super().lose()
        self._mended = False

    def _forget(self) -> Gap:
        last, self._trade = self._trade, None
        super()._forget()
        return self._gap(f"the trades after {last} are too long ago to be told again")

    def _take(self, message: PublicationMessage) -> list[object]:
        assert isinstance(message, messages.Trade)  # noqa: S101 (for the type checker; routes see to it)
        trade, last = int(message.data.trade_id), self._trade
        hole = last is not None and trade > last + 1
        if last is not None and trade <= last:
            return []
        if self._missed or (hole and not self._mended):
            self._missed = True
            return []
        self._trade, self._mended = trade, False
        return [self._gap(f"trade {trade} follows trade {last}"), message.data] if hole else [message.data]


class OrdersFeed(LastingFeed):
    """One's own orders: those open, then every change."""

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`; one that was lost before there was a place to go on from may have missed something."""
        unplaced = self.acknowledged and result.resumed is UNSET
        gaps = super().begin(result)
        return [self._gap("the connection was lost at the beginning")] if unplaced else gaps

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        return {"after": self._place} if self._place else {}

    def _place_of_none(self, sequence: int) -> str | None:
        return f"orders:{sequence}-{_EVENT_LAST}"
