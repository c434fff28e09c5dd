"""Feeds that go on after the last message seen: trades, orders, and trades of one's own."""

from msgspec import UNSET

from finalex.client import messages
from finalex.client.errors import Gap
from finalex.client.feeds import Feed
from finalex.client.messages import PublicationMessage, Result
from finalex.protocol.streams import HISTORY_MAX, Stream

_EVENT_LAST = 10**18 - 1
"""Above the place of any event in its batch, as ids of `orders` count them."""


class ResumedFeed(Feed):
    """A channel that goes on after the last message seen; `past` messages are asked for at the beginning, at least 1.

    With at least one there is a place to go on from as soon as anything ever happened. Where nothing had, all that
    the server remembers is asked for.
    """

    def __init__(self, key: int, stream: Stream, past: int) -> None:
        super().__init__(key, stream)
        self.past = max(past, 1)

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        if self.last_id is not None:
            return {"after": self.last_id, "snapshot": self.past}
        return {"snapshot": HISTORY_MAX if self.acknowledged else self.past}

    def _take(self, message: PublicationMessage) -> list[object]:
        return [message.data]


class TradesFeed(ResumedFeed):
    """Public trades, whose ids grow by exactly 1."""

    def __init__(self, key: int, stream: Stream, past: int) -> None:
        super().__init__(key, stream, past)
        self._trade: int | None = None

    def _forget(self) -> Gap:
        last, self._trade = self._trade, None
        return self._gap(f"the trades after {last} are too long ago to be told again")

    def _take(self, message: PublicationMessage) -> list[object]:
        assert isinstance(message, messages.Trade)  # noqa: S101 (for the type checker; routes see to it)
        trade, last = int(message.data.trade_id), self._trade
        self._trade = trade
        if last is None or trade == last + 1:
            return [message.data]
        return [self._gap(f"trade {trade} follows trade {last}"), message.data]


class OrdersFeed(Feed):
    """One's own orders: those open, then every change.

    As long as none was seen, the heartbeat says how far the log had come without one: that is the place to go on from.
    """

    def __init__(self, key: int, stream: Stream) -> None:
        super().__init__(key, stream)
        self._quiet: str | None = None

    def quiet_until(self, sequence: int) -> None:
        """Take in that the server had sent nothing until after the batch `sequence` of its log."""
        if self.last_id is None:
            self._quiet = f"orders:{sequence}-{_EVENT_LAST}"

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`; one that was lost before there was a place to go on from may have missed something."""
        unplaced = self.acknowledged and result.resumed is UNSET
        gaps = super().begin(result)
        return [self._gap("the connection was lost at the beginning")] if unplaced else gaps

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:  # noqa: ARG002 (the interface's)
        place = self.last_id or self._quiet
        return {"after": place} if place else {}

    def _forget(self) -> Gap:
        self._quiet = None
        return super()._forget()

    def _take(self, message: PublicationMessage) -> list[object]:
        return [message.data]
