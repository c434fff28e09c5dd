"""The client's core in a conversation with a real session: no sockets between, and every break that a test wants."""

import json
from collections import defaultdict
from typing import Any

from finalex.client.backoff import Backoff
from finalex.client.core import Core
from finalex.client.effects import Answer, Close, Deliver, Effect, End, Reconnect, Refuse, Send, Stop
from finalex.client.feeds import BookFeed, Feed
from finalex.protocol.streams import Stream
from support.conversation import Conversation, House

TIMEOUT_MS = 10_000_000


class Player:
    """A client of `house`; what it sends and what it is sent stays on its way until it is moved on."""

    def __init__(self, house: House, user: str | None = "alice") -> None:
        self.house = house
        self.core = Core(Backoff())
        self.feeds: dict[str, Feed] = {}
        self.delivered: dict[int, list[Any]] = defaultdict(list)
        self.ends: dict[int, Exception] = {}
        self.answers: dict[int, Any] = {}
        self.refusals: dict[int, Exception] = {}
        self.delays_ms: list[int] = []
        self.stopped: Exception | None = None
        self.sent: list[dict[str, Any]] = []
        self._user = user
        self._outgoing: list[str] = []
        self._conversation: Conversation | None = None

    # --- the user ---------------------------------------------------------------------------------------

    def subscribe(self, channel: str, past: int = 0, **params: Any) -> None:
        feed, effects = self.core.subscribe(Stream(channel, **params), past, self.house.now_ms)
        self.feeds[channel] = feed
        self._carry_out(effects)

    def request(self, method: str, **params: Any) -> int:
        number, effects = self.core.request(method, params, self.house.now_ms + TIMEOUT_MS)
        self._carry_out(effects)
        return number

    def told(self, channel: str) -> list[Any]:
        return self.delivered[self.feeds[channel].key]

    def levels(self) -> tuple[int, Any, Any]:
        feed = self.feeds["orderbook"]
        assert isinstance(feed, BookFeed)
        assert feed.book.whole
        return feed.book.sequence, feed.book.bids.best(1000), feed.book.asks.best(1000)

    # --- the connection ---------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect, unless connected."""
        if self._conversation is None:
            self._conversation = self.house.connect(self._user)
            self._carry_out(self.core.connected(self.house.now_ms))

    def send(self, count: int | None = None) -> None:
        """Let the first so many requests arrive."""
        for text in self._outgoing[:count]:
            if self._conversation is not None:
                self._conversation.send(text)
        del self._outgoing[: len(self._outgoing) if count is None else count]

    def read(self, count: int | None = None) -> None:
        """Let the first so many messages arrive."""
        conversation = self._conversation
        if conversation is None:
            return
        come = conversation.seen[:count]
        del conversation.seen[: len(come)]
        for message in come:
            self._carry_out(self.core.received(json.dumps(message).encode(), self.house.now_ms))
            if self._conversation is not conversation:
                return

    def die(self, code: int | None = None) -> None:
        """Lose the connection, with everything on its way."""
        if self._conversation is not None:
            self._conversation.disconnect()
            self._conversation = None
            self._outgoing.clear()
            self._carry_out(self.core.lost(code, 0.5))

    def settle(self) -> None:
        """Be connected, and let everything arrive."""
        self.connect()
        assert self._conversation is not None
        while self._outgoing or self._conversation.seen or self._conversation.recalls:
            self.send()
            self._conversation.recall()
            self.read()

    def tick(self) -> None:
        self._carry_out(self.core.tick(self.house.now_ms))

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(text):
                    self._outgoing.append(text.decode())
                    self.sent.append(json.loads(text))
                case Deliver(key, item):
                    self.delivered[key].append(item)
                case End(key, error):
                    self.ends[key] = error
                case Answer(number, data):
                    assert number not in self.answers
                    self.answers[number] = data
                case Refuse(number, error):
                    self.refusals[number] = error
                case Close():
                    self.die()
                case Reconnect(after_ms):
                    self.delays_ms.append(after_ms)
                case Stop(error):
                    self.stopped = error
                case _:
                    pass
