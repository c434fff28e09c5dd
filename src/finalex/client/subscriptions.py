"""The subscriptions of a client over all its connections: asked for, answered, lost and restored."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from msgspec import UNSET

from finalex.client import messages
from finalex.client.addresses import Route
from finalex.client.effects import Deliver, Effect, End, Send
from finalex.client.errors import RequestFailedError, UnreadableMessageError
from finalex.client.feeds import BookFeed, Feed, State, StateFeed, StatusFeed
from finalex.client.kline_feed import KlineFeed
from finalex.client.messages import PublicationMessage, Result, encode_request
from finalex.client.requests import RATE_PAUSE_MS
from finalex.client.resumed_feeds import OrdersFeed, ResumedFeed, TradesFeed
from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import ErrorData
from finalex.protocol.requests import PAST_MESSAGES_MAX
from finalex.protocol.streams import HEARTBEAT, Stream

ANSWER_MS_MAX = 60_000
"""A request to subscribe that is not answered for so long means that the connection does no good."""

UNREADABLE_PAUSE_MS = 60_000
"""A stream of which a second message cannot be read within so long has ended."""

Asked = tuple[Feed, dict[str, str | int | bool]]
"""A feed, and what to subscribe with."""


class SubscribedAlreadyError(ValueError):
    """A client has each stream once, one order book of a symbol, and the status of all markets or of single ones."""


class Subscriptions:
    """All feeds by their keys, and the requests that wait for an answer."""

    def __init__(self) -> None:
        self._feeds: dict[int, Feed] = {}
        self._routes: dict[Route, Feed] = {}
        self._waiting: dict[str, tuple[tuple[Feed, ...], int]] = {}
        self._again_ms: int | None = None
        self._keys = count(1)
        self._requests = count(1)

    def __iter__(self) -> Iterator[Feed]:
        return iter(tuple(self._feeds.values()))

    @property
    def unanswered(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self._waiting)

    def add(self, stream: Stream, past: int) -> Feed:
        """Take in a new feed, not asked for yet; raises `SubscribedAlreadyError`."""
        route = (stream.channel, stream.symbol, stream.interval)
        taken = self._overlapping(route)
        if taken is not None:
            raise SubscribedAlreadyError(
                f"there is a subscription to {' '.join(filter(None, taken))} already: share it"
            )
        feed = open_feed(next(self._keys), stream, past)
        self._feeds[feed.key] = self._routes[route] = feed
        return feed

    def _overlapping(self, route: Route) -> Route | None:
        """Return what there is already of a stream: itself, the one of all markets, or one of those markets."""
        channel, symbol, _ = route
        both = route, (channel, "", "")
        return next((r for r in self._routes if r in both or (r[0] == channel and not symbol)), None)

    def remove(self, key: int) -> Feed | None:
        """Take out a feed, if it is there."""
        feed = self._feeds.pop(key, None)
        if feed is not None:
            del self._routes[(feed.stream.channel, feed.stream.symbol, feed.stream.interval)]
        return feed

    def clear(self, error: Exception) -> list[Effect]:
        """Take out all feeds; return their ends."""
        keys = list(self._feeds)
        for key in keys:
            self.remove(key)
        return [End(key, error) for key in keys]

    # --- requests ---------------------------------------------------------------------------------------

    def ask(self, feeds: Sequence[Feed], now_ms: int, server_ms: int) -> list[Effect]:
        """Subscribe to `feeds`, in one request unless that may not ask for so much of the past."""
        asked = [(feed, feed.item(server_ms)) for feed in feeds]
        return [self._ask(part, now_ms) for part in _parts(asked)]

    def _ask(self, asked: Sequence[Asked], now_ms: int) -> Send:
        feeds, items = [feed for feed, _ in asked], [item for _, item in asked]
        request_id = f"subscribe-{next(self._requests)}"
        self._waiting[request_id] = (tuple(feeds), now_ms)
        for feed in feeds:
            feed.state, feed.request = State.RESUMING, request_id
        if any(feed.listens for feed in feeds):
            items.append({"channel": HEARTBEAT})
        return Send(encode_request(request_id, "subscribe", {"subscriptions": items}))

    def restore(self, now_ms: int, server_ms: int) -> list[Effect]:
        """Subscribe to everything again in one request."""
        return self.ask(list(self._feeds.values()), now_ms, server_ms)

    def leave(self, feed: Feed) -> Send:
        """Unsubscribe from a feed that was taken out."""
        params: dict[str, object] = {**feed.stream.params()}
        return Send(encode_request(f"unsubscribe-{next(self._requests)}", "unsubscribe", params))

    def overdue(self, now_ms: int) -> bool:
        """Whether an answer should have come long ago."""
        return any(now_ms - asked_ms > ANSWER_MS_MAX for _, asked_ms in self._waiting.values())

    def slow_down(self, now_ms: int) -> None:
        """The server drops messages for a while: ask again later for what has no answer by then."""
        self._again_ms = now_ms + RATE_PAUSE_MS

    def tick(self, now_ms: int, server_ms: int) -> list[Effect]:
        """Ask again, if that is due."""
        if self._again_ms is None or now_ms < self._again_ms:
            return []
        self._again_ms = None
        asked = [feed for feeds, _ in self._waiting.values() for feed in feeds if feed.key in self._feeds]
        self._waiting.clear()
        return self.ask(asked, now_ms, server_ms)

    def lose(self) -> None:
        """The connection is lost, and with it all answers."""
        self._again_ms = None
        self._waiting.clear()
        for feed in self._feeds.values():
            feed.lose()

    def lag(self) -> None:
        """The server holds back what can be left out, until it is read faster."""
        for feed in self._feeds.values():
            if feed.lossy and feed.state is State.LIVE:
                feed.hold()

    # --- answers ----------------------------------------------------------------------------------------

    def answered(self, message: messages.Subscribed, now_ms: int, server_ms: int) -> list[Effect]:
        """Take the answer to a request; an item of many that failed is asked for once more, by itself."""
        feeds, _ = self._waiting.pop(str(message.id), ((), 0))
        if len(message.data.results) < len(feeds):
            raise UnreadableMessageError("an answer lacks results")
        effects: list[Effect] = []
        for feed, result in zip(feeds, message.data.results, strict=False):  # the heartbeat's, which may fail, is last
            if feed.request == message.id and feed.key in self._feeds:
                effects += self._settle(feed, result, len(feeds), now_ms, server_ms)
        return effects

    def refused(self, request_id: str, error: ErrorData) -> list[Effect] | None:
        """Take the refusal of a whole request; `None` if it was none of these."""
        if request_id not in self._waiting:
            return None
        feeds, _ = self._waiting.pop(request_id)
        return [self._fail(feed, error) for feed in feeds if feed.key in self._feeds]

    def _settle(self, feed: Feed, result: Result, items: int, now_ms: int, server_ms: int) -> list[Effect]:
        feed.request = None
        if result.error is UNSET:
            return [Deliver(feed.key, item) for item in feed.begin(result)]
        again = isinstance(result.error, ErrorData) and result.error.code == ErrorCode.INVALID_PARAMS
        if again and items > 1 and not feed.alone:
            feed.alone = True
            return self.ask([feed], now_ms, server_ms)
        return [self._fail(feed, result.error)]

    def _fail(self, feed: Feed, error: ErrorData) -> End:
        self.remove(feed.key)
        return End(feed.key, RequestFailedError(error.code, error.details))

    # --- messages ---------------------------------------------------------------------------------------

    def take(self, message: PublicationMessage, now_ms: int, server_ms: int) -> list[Effect]:
        """Hand a message to its feed; one that has lost something that asking again brings is asked for again."""
        feed = self._find(ROUTES[type(message)](message.data))
        if feed is None or feed.request is not None:
            return []
        effects: list[Effect] = [Deliver(feed.key, item) for item in feed.take(message)]
        if feed.broken:
            effects += self.ask([feed], now_ms, server_ms)
        return effects

    def stumble(self, route: Route, problem: str, now_ms: int, server_ms: int) -> list[Effect] | None:
        """Take that a message of a stream cannot be read: ask again for what is missing; the second time it ends.

        `None` if there is no such stream to ask for.
        """
        if route[0] not in _CHANNELS:
            return None
        feed = self._find(route)
        if feed is None or feed.request is not None:
            return []
        last_ms, feed.stumbled_ms = feed.stumbled_ms, now_ms
        if last_ms is None or now_ms - last_ms >= UNREADABLE_PAUSE_MS:
            return self.ask([feed], now_ms, server_ms)
        self.remove(feed.key)
        named = " ".join(filter(None, route))
        return [
            self.leave(feed),
            End(feed.key, UnreadableMessageError(f"{named}: a message cannot be read: {problem}")),
        ]

    def _find(self, route: Route) -> Feed | None:
        """Return the feed of a message; that of all markets has those of any."""
        return self._routes.get(route) or self._routes.get((route[0], "", ""))

    def note(self, heartbeat: messages.Heartbeat, now_ms: int, server_ms: int) -> list[Effect]:
        """Take in what was sent last of each; ask again for those that did not get it."""
        sequence = int(str(heartbeat.id).rpartition(":")[2])
        broken: list[Feed] = []
        for row in heartbeat.data.subscriptions:
            feed = self._routes.get((row.channel, row.symbol, row.interval))
            if feed is not None and feed.request is None:
                feed.hear(row, sequence)
                broken += [feed] if feed.broken else []
        return self.ask(broken, now_ms, server_ms)


def open_feed(key: int, stream: Stream, past: int) -> Feed:
    """Return the feed that `stream` needs."""
    match stream.channel:
        case "orderbook":
            return BookFeed(key, stream)
        case "trades":
            return TradesFeed(key, stream, past)
        case "user_trades":
            return ResumedFeed(key, stream, past)
        case "orders":
            return OrdersFeed(key, stream)
        case "kline":
            return KlineFeed(key, stream, past)
        case "status":
            return StatusFeed(key, stream)
        case _:
            return StateFeed(key, stream)


def _parts(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Yield parts of `asked`, each of which one request may ask for."""
    part: list[Asked] = []
    past = 0
    for feed, item in asked:
        more = int(item.get("snapshot", 0)) + int(item.get("history", 0))
        if part and past + more > PAST_MESSAGES_MAX:
            yield part
            part, past = [], 0
        part.append((feed, item))
        past += more
    if part:
        yield part


ROUTES: dict[type[Any], Callable[[Any], Route]] = {
    messages.BookUpdate: lambda data: ("orderbook", data.symbol, ""),
    messages.BookSnapshot: lambda data: ("orderbook", data.symbol, ""),
    messages.Trade: lambda data: ("trades", data.symbol, ""),
    messages.Ticker: lambda data: ("ticker", data.symbol, ""),
    messages.Kline: lambda data: ("kline", data.symbol, data.interval),
    messages.MarketStatus: lambda data: ("status", data.symbol, ""),
    messages.Order: lambda _: ("orders", "", ""),
    messages.UserTrade: lambda _: ("user_trades", "", ""),
    messages.Account: lambda _: ("account", "", ""),
}
"""Where the data of each kind of message of a channel belongs."""

_CHANNELS = frozenset(("orderbook", "trades", "ticker", "kline", "status", "orders", "user_trades", "account"))
"""The channels of these."""
