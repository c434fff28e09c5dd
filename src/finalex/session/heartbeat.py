"""The `heartbeat` channel: what was sent last of each of a connection's subscriptions, again and again.

So a subscription that has fallen silent can be told from a quiet market.
"""

from finalex.channels.positions import Position
from finalex.protocol.messages import (
    AccountData,
    BookSnapshotData,
    BookUpdateData,
    KlineData,
    OrderData,
    Publication,
    TickerData,
    TradeData,
    UserTradeData,
    encode_publication,
)
from finalex.protocol.streams import HEARTBEAT, Stream
from finalex.session.desk import Desk
from finalex.session.effects import Send
from finalex.session.replies import HeartbeatData
from finalex.session.subscriptions import Subscribed, Subscriptions

_STREAM = Stream(HEARTBEAT)


class Heartbeat:
    """The heartbeat of one connection; `due_ms` is when the next one is due, `None` without a subscription to it."""

    __slots__ = ("_desk", "_subscriptions", "due_ms")

    def __init__(self, desk: Desk, subscriptions: Subscriptions) -> None:
        self._desk = desk
        self._subscriptions = subscriptions
        self.due_ms: int | None = None

    def begin(self, now_ms: int) -> Send:
        """Return a heartbeat at once; the next one is due an interval later."""
        self.due_ms = now_ms + self._desk.heartbeat_interval_ms
        return self._message(now_ms)

    def end(self) -> None:
        """No more of them."""
        self.due_ms = None

    def advance(self, now_ms: int) -> list[Send]:
        """Return the heartbeat that is due, if one is; those that should have been before are left out."""
        if self.due_ms is None or now_ms < self.due_ms:
            return []
        interval_ms = self._desk.heartbeat_interval_ms
        self.due_ms += ((now_ms - self.due_ms) // interval_ms + 1) * interval_ms
        return [self._message(now_ms)]

    def _message(self, now_ms: int) -> Send:
        hub = self._desk.hub
        others = [subscribed for subscribed in self._subscriptions if subscribed.stream != _STREAM]
        data = HeartbeatData(
            subscriptions=[self._row(subscribed) for subscribed in others], timestamp=hub.time_ms or now_ms
        )
        publication = Publication((_STREAM,), f"{HEARTBEAT}:{hub.sequence}", HEARTBEAT, data)
        return Send(encode_publication(publication, now_ms))

    def _row(self, subscribed: Subscribed) -> dict[str, str | int | None]:
        stream, last = subscribed.stream, subscribed.last(self._desk.hub)
        row: dict[str, str | int | None] = {**stream.params(), "last_id": last.publication.id if last else None}
        if stream.private or stream.depth:
            row["sequence"] = _sequence(last) if last else None
        row["last_event_time"] = _event_ms(last) if last else None
        return row


def _sequence(position: Position) -> int | None:
    match position.publication.data:
        case BookSnapshotData() | BookUpdateData() | AccountData() | UserTradeData() as data:
            return data.sequence
        case OrderData() as data:
            return data.sequence if isinstance(data.sequence, int) else None
        case _:
            return None


def _event_ms(position: Position) -> int:
    """Return when it happened; a candle that runs changes as long as messages of it come."""
    match position.publication.data:
        case (
            TickerData() | BookSnapshotData() | BookUpdateData() | TradeData() | AccountData() | UserTradeData() as data
        ):
            return data.timestamp
        case OrderData() as data:
            return data.updated_at
        case KlineData() as data:
            return min(position.time_ms, data.close_time)
        case _:
            return position.time_ms
