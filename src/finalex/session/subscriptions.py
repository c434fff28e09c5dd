"""The set of streams that one connection has, and what it was sent of each."""

from collections.abc import Iterator

from finalex.channels.hub import Hub
from finalex.channels.positions import Position
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import HEARTBEAT, Stream
from finalex.session.auth import Identity
from finalex.session.desk import Desk


class Subscribed:
    """A stream that a connection has.

    `joined` is the batch of the log after which it was joined, `None` while it waits: for its turn, or for what was
    missed (`recall` is then the key of the recall). `sent` is the last message sent outside the live stream, or in
    it until it was left.
    """

    __slots__ = ("joined", "recall", "sent", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.joined: int | None = None
        self.recall: int | None = None
        self.sent: Position | None = None

    def note(self, publications: list[Publication], hub: Hub) -> None:
        """Take in that these messages are sent, after everything published so far."""
        if publications:
            self.sent = Position(hub.sequence, hub.time_ms, publications[-1])

    def leave(self, hub: Hub) -> None:
        """Take in that the live stream is left."""
        self.sent, self.joined = self.last(hub), None

    def last(self, hub: Hub) -> Position | None:
        """Return the last message that was sent of this stream, if there was any."""
        live = None if self.joined is None else hub.position(self.stream)
        since = max(self.joined or 0, self.sent.sequence if self.sent else 0)
        return live if live is not None and live.sequence > since else self.sent


class Subscriptions:
    """Streams by slot, in the order they were first subscribed; how many are left is derived."""

    __slots__ = ("_by_slot", "_desk")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._by_slot: dict[Stream, Subscribed] = {}

    def __iter__(self) -> Iterator[Subscribed]:
        return iter(self._by_slot.values())

    def find(self, item: Subscription, identity: Identity | None) -> Stream:
        """Return the stream that `item` names; raises `RequestError` if it names none, or none for this `identity`."""
        if item.channel == HEARTBEAT:
            return Stream(HEARTBEAT)
        stream = self._desk.hub.stream(item, identity.user if identity else None)
        if stream.private:
            require_scope(identity, "read")
        return stream

    def get(self, stream: Stream) -> Subscribed | None:
        """Return what takes the slot of `stream`, if anything does."""
        return self._by_slot.get(stream.slot)

    def put(self, stream: Stream) -> Subscribed:
        """Take `stream` in, in place of what has its slot, unless that is the same one already.

        Raises `RequestError` if there is no room for it.
        """
        replaced = self._by_slot.get(stream.slot)
        if replaced is None and self.remaining(private=stream.private) <= 0:
            kind = "private" if stream.private else "public"
            details = f"at most {self._maximum(private=stream.private)} {kind} subscriptions per connection"
            raise RequestError(ErrorCode.SUBSCRIPTION_LIMIT, details)
        if replaced is not None and replaced.stream == stream:
            return replaced
        subscribed = self._by_slot[stream.slot] = Subscribed(stream)
        return subscribed

    def pop(self, stream: Stream) -> Subscribed | None:
        """Take out what has the slot of `stream` and return it, if there is anything."""
        return self._by_slot.pop(stream.slot, None)

    def remaining(self, *, private: bool) -> int:
        """Return how many more subscriptions of a kind there may be."""
        taken = sum(stream.private == private for stream in self._by_slot)
        return self._maximum(private=private) - taken

    def listed(self) -> list[dict[str, str | int]]:
        """Return all subscriptions in the form that a client sends."""
        return [subscribed.stream.params() for subscribed in self]

    @property
    def any_private(self) -> bool:
        """Whether one of the subscriptions is private."""
        return any(stream.private for stream in self._by_slot)

    def _maximum(self, *, private: bool) -> int:
        limits = self._desk.limits
        return limits.private_subscriptions_max if private else limits.public_subscriptions_max


def require_scope(identity: Identity | None, scope: str) -> Identity:
    """Return `identity` if it may use `scope`; raises `AUTHENTICATION_REQUIRED`."""
    if identity is None:
        raise RequestError(ErrorCode.AUTHENTICATION_REQUIRED, "log in with a token or an API key first")
    if scope not in identity.scopes:
        raise RequestError(ErrorCode.AUTHENTICATION_REQUIRED, f"these credentials lack the scope '{scope}'")
    return identity
