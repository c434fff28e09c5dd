"""The set of streams that one connection has, and what changes it."""

import msgspec

from finalex.protocol import messages
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream
from finalex.session.auth import Identity
from finalex.session.desk import Desk
from finalex.session.effects import Effect, Join, Leave, Send
from finalex.session.replies import error_data


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a request: what it named, or its error, and the effects to carry out."""

    named: dict[str, object]
    error: RequestError | None = None
    effects: tuple[Effect, ...] = ()

    def result(self) -> dict[str, object]:
        """Return the item's part of the reply."""
        return self.named if self.error is None else {**self.named, "error": error_data(self.error)}


class Subscriptions:
    """Streams by slot, in the order they were first subscribed; how many are left is derived."""

    __slots__ = ("_by_slot", "_desk")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._by_slot: dict[Stream, Stream] = {}

    def subscribe(self, item: Subscription | RequestError, identity: Identity | None, now_ms: int) -> Change:
        """Take in the stream that `item` names: its present state is sent, then it is joined."""
        if isinstance(item, RequestError):
            return Change(named={}, error=item)
        try:
            stream = self._find(item, identity)
            replaced = self._put(stream)
        except RequestError as error:
            return Change(named=_named(item), error=error)
        opening = self._desk.hub.opening(stream, item)
        sends = (Send(messages.encode_publication(publication, now_ms)) for publication in opening)
        leave = () if replaced in (None, stream) else (Leave(replaced),)
        return Change(named=self._result(stream), effects=(*leave, *sends, Join(stream)))

    def unsubscribe(self, item: Subscription | RequestError, identity: Identity | None) -> Change:
        """Take out the stream that `item` names; one that is not there is no error."""
        if isinstance(item, RequestError):
            return Change(named={}, error=item)
        try:
            stream = self._find(item, identity)
        except RequestError as error:
            return Change(named=_named(item), error=error)
        removed = self._by_slot.pop(stream.slot, None)
        return Change(named=self._result(removed or stream), effects=(Leave(removed),) if removed else ())

    def remaining(self, *, private: bool) -> int:
        """Return how many more subscriptions of a kind there may be."""
        taken = sum(stream.private == private for stream in self._by_slot)
        return self._maximum(private=private) - taken

    def listed(self) -> list[dict[str, str | int]]:
        """Return all subscriptions in the form that a client sends."""
        return [stream.params() for stream in self._by_slot.values()]

    @property
    def any_private(self) -> bool:
        """Whether one of the subscriptions is private."""
        return any(stream.private for stream in self._by_slot)

    def _find(self, item: Subscription, identity: Identity | None) -> Stream:
        stream = self._desk.hub.stream(item, identity.user if identity else None)
        if stream.private:
            require_scope(identity, "read")
        return stream

    def _put(self, stream: Stream) -> Stream | None:
        replaced = self._by_slot.get(stream.slot)
        if replaced is None and self.remaining(private=stream.private) <= 0:
            kind = "private" if stream.private else "public"
            details = f"at most {self._maximum(private=stream.private)} {kind} subscriptions per connection"
            raise RequestError(ErrorCode.SUBSCRIPTION_LIMIT, details)
        self._by_slot[stream.slot] = stream
        return replaced

    def _result(self, stream: Stream) -> dict[str, object]:
        return {**stream.params(), "subscriptions_remaining": self.remaining(private=stream.private)}

    def _maximum(self, *, private: bool) -> int:
        limits = self._desk.limits
        return limits.private_subscriptions_max if private else limits.public_subscriptions_max


def _named(item: Subscription) -> dict[str, object]:
    return {"channel": item.channel, "symbol": item.symbol}


def require_scope(identity: Identity | None, scope: str) -> Identity:
    """Return `identity` if it may use `scope`; raises `AUTHENTICATION_REQUIRED`."""
    if identity is None:
        raise RequestError(ErrorCode.AUTHENTICATION_REQUIRED, "log in with a token or an API key first")
    if scope not in identity.scopes:
        raise RequestError(ErrorCode.AUTHENTICATION_REQUIRED, f"these credentials lack the scope '{scope}'")
    return identity
