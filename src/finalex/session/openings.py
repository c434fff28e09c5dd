"""Openings: what new subscriptions, and those of a client that fell behind, are sent before they join."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from finalex.channels.hub import Hub
from finalex.channels.places import Place
from finalex.channels.resumable import Missing
from finalex.protocol.messages import KlineData, Publication, encode_publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import HISTORY_MAX, Stream
from finalex.session.effects import Effect, Join, Leave, Proceed, Send
from finalex.session.subscriptions import Subscribed

OPENING_MESSAGES_MAX = 500
"""About so many messages are sent in one turn; what is left of the openings waits for the next turn."""

LEVELS_PER_MESSAGE = 10
"""So many levels of a book cost about as much as a message."""

LOSSY = frozenset({"ticker", "kline", "orderbook"})
"""The channels of which a client that fell behind gets the present state instead of all that led to it."""

ROUNDS_MAX = 5
"""How often the log is read for one stream: again if memory no longer holds all that came meanwhile."""

_OWED_FIRST = 8
"""How many closed candles are looked at first to find those that are owed."""


class Opening:
    """A subscription that waits for its turn, and how its item asks for the present state.

    `after` is the place from which it goes on instead, with what memory holds; if that is no longer everything, the
    log may be read `rounds` times. For klines that wait longer than a step, `owed_ms` is when the candle began that
    ran at first: it and all later ones that have ended since are owed.
    """

    __slots__ = ("after", "item", "owed_ms", "rounds", "subscribed")

    def __init__(
        self, subscribed: Subscribed, item: Subscription, after: Place | None = None, rounds: int = ROUNDS_MAX
    ) -> None:
        self.subscribed = subscribed
        self.item = item
        self.after = after
        self.rounds = rounds
        self.owed_ms: int | None = None

    @property
    def lossy(self) -> bool:
        """Whether its present state makes up for what was missed."""
        return self.subscribed.stream.channel in LOSSY


class Slice(NamedTuple):
    """What is done in one turn, and whom memory can no longer tell what they missed."""

    effects: list[Effect]
    forgotten: list[Opening]


class Openings:
    """The subscriptions of one connection that wait to be opened, in order.

    Each is opened in one step: its messages and its `Join`. A turn sends `OPENING_MESSAGES_MAX` messages; only a longer
    opening comes whole, first in its turn. Nothing lossy is opened while the client is behind.
    """

    __slots__ = ("_asked", "_hub", "_spent", "_waiting", "behind")

    def __init__(self, hub: Hub) -> None:
        self.behind = False
        self._hub = hub
        self._waiting: dict[Stream, Opening] = {}
        self._spent = 0
        self._asked = False

    def __contains__(self, subscribed: Subscribed) -> bool:
        return subscribed.stream in self._waiting

    def put(self, opening: Opening) -> None:
        """Let `opening` wait behind all others, in place of an earlier one of the same subscription."""
        earlier = self._waiting.pop(opening.subscribed.stream, None)
        if earlier is not None:
            opening.owed_ms = earlier.owed_ms
        self._waiting[opening.subscribed.stream] = opening

    def drop(self, subscribed: Subscribed) -> None:
        """Nobody waits for this one any more."""
        self._waiting.pop(subscribed.stream, None)

    def begin_turn(self) -> None:
        """Begin a turn, with nothing sent in it yet."""
        self._spent, self._asked = 0, False

    def take(self, now_ms: int) -> Slice:
        """Open as many as there is room for in this turn."""
        effects: list[Effect] = []
        forgotten: list[Opening] = []
        full = False
        for opening in tuple(self._ready()):
            cost = self._cost(opening)
            full = full or (self._spent > 0 and self._spent + cost > OPENING_MESSAGES_MAX)
            if full and cost:
                continue
            self.drop(opening.subscribed)
            publications = self._publications(opening)
            if isinstance(publications, Missing):
                forgotten.append(opening)
            else:
                self._spent += max(cost, len(publications))
                effects += self._join(opening.subscribed, publications, now_ms)
        return Slice(effects + self._hold(), forgotten)

    def fall_behind(self, joined: Iterable[Subscribed]) -> list[Effect]:
        """Open nothing lossy from now on, and hold what is lossy of `joined`."""
        self.behind = True
        for subscribed in joined:
            if subscribed.stream.channel in LOSSY:
                self.put(Opening(subscribed, Subscription(subscribed.stream.channel)))
        return self._hold()

    def ask(self) -> list[Effect]:
        """Ask for another turn, if something waits for one or this one has sent something; once only."""
        if self._asked or not (self._spent or any(self._ready())):
            return []
        self._asked = True
        return [Proceed()]

    def _ready(self) -> Iterable[Opening]:
        return (opening for opening in self._waiting.values() if not (self.behind and opening.lossy))

    def _cost(self, opening: Opening) -> int:
        """Return about how many messages it will take, 0 if certainly none."""
        stream, item = opening.subscribed.stream, opening.item
        if opening.after is not None:
            count = self._hub.count_since(stream, opening.after)
            return count if isinstance(count, int) else 1
        if stream.depth:
            return max(1, 2 * stream.depth // LEVELS_PER_MESSAGE)
        past = int(item.history or 0) + int(item.snapshot or 0)
        always = stream.channel in ("ticker", "kline", "account") or (
            stream.channel == "orders" and item.snapshot is None
        )
        return past + always

    def _publications(self, opening: Opening) -> list[Publication] | Missing:
        stream = opening.subscribed.stream
        if opening.after is not None:
            return self._hub.since(stream, opening.after)
        if opening.owed_ms is not None:
            return _with_owed(self._hub, stream, opening.item, opening.owed_ms)
        return self._hub.opening(stream, opening.item)

    def _join(self, subscribed: Subscribed, publications: list[Publication], now_ms: int) -> list[Effect]:
        subscribed.note(publications, self._hub)
        if subscribed.joined is None:
            subscribed.joined = self._hub.sequence
        sends = (Send(encode_publication(publication, now_ms)) for publication in publications)
        return [*sends, Join(subscribed.stream)]

    def _hold(self) -> list[Effect]:
        """Leave the streams whose openings still wait and will make up for what is missed until then.

        Others, of which more of the past was asked for, go on as before.
        """
        leaves: list[Effect] = []
        for opening in self._waiting.values():
            subscribed = opening.subscribed
            if subscribed.stream.interval and opening.owed_ms is None:
                opening.owed_ms = _running_ms(self._hub, subscribed.stream)
            if subscribed.joined is not None and (opening.lossy or opening.after is not None):
                subscribed.leave(self._hub)
                leaves.append(Leave(subscribed.stream))
        return leaves


def _running_ms(hub: Hub, stream: Stream) -> int:
    """Return when the candle that runs now began, 0 before the first."""
    return next(map(_open_ms, hub.opening(stream, Subscription(stream.channel))), 0)


def _open_ms(candle: Publication) -> int:
    return candle.data.open_time if isinstance(candle.data, KlineData) else 0


def _with_owed(hub: Hub, stream: Stream, item: Subscription, owed_ms: int) -> list[Publication]:
    """Return what `item` asks for, and before it the closed candles from `owed_ms` on that are not in it.

    How many those are depends on trades too, not on time alone: so it looks back further and further.
    """
    asked = count = item.history or 0
    candles = hub.opening(stream, item)
    while len(candles) > count < HISTORY_MAX and _open_ms(candles[0]) > owed_ms:
        count = min(HISTORY_MAX, max(_OWED_FIRST, 2 * count))
        candles = hub.opening(stream, replace(item, history=count))
    older = sum(_open_ms(candle) < owed_ms for candle in candles)
    return candles[max(0, min(older, len(candles) - 1 - asked)) :]
