"""Catching up: streams whose missed messages are on their way from the log, until they can be joined."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from finalex.channels.hub import Hub
from finalex.channels.resumable import Want
from finalex.protocol.errors import CloseCode
from finalex.protocol.messages import Publication, encode_publication
from finalex.session.effects import Close, Effect, Join, Recall, Send, StopRecall
from finalex.session.subscriptions import Subscribed

ROUNDS_MAX = 5
"""How often the log is read for one stream: again if memory no longer holds all that came meanwhile."""


class Latecomer(NamedTuple):
    """A subscription whose missed messages, `want`, are on their way."""

    subscribed: Subscribed
    want: Want


class _Catchup:
    """Those whom one recall is for, by stream, and how many more recalls may follow it."""

    __slots__ = ("latecomers", "rounds")

    def __init__(self, latecomers: Iterable[Latecomer], rounds: int) -> None:
        self.latecomers = {latecomer.want.stream: latecomer for latecomer in latecomers}
        self.rounds = rounds


class CatchingUp:
    """The recalls of one connection that have been acknowledged; `Subscribed.recall` holds their keys."""

    __slots__ = ("_by_key", "_hub")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._by_key: dict[int, _Catchup] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def begin(self, key: int, latecomers: Sequence[Latecomer]) -> list[Effect]:
        """The recall `key` goes on for `latecomers`; without any there is nothing left to recall."""
        if not latecomers:
            return [StopRecall(key)]
        self._enter(key, _Catchup(latecomers, ROUNDS_MAX - 1))
        return []

    def recalled(self, key: int, found: Sequence[bool]) -> list[Effect]:
        """Hear whether a further round can go on; it must, for the client was told that it gets everything."""
        return [] if all(found) else self.fail(key)

    def replay(self, key: int, publications: Sequence[Publication], now_ms: int) -> list[Effect]:
        """Send what was found, as far as it is still wanted."""
        catchup = self._by_key.get(key)
        if catchup is None:
            return []
        sends: list[Effect] = []
        for publication in publications:
            latecomers = [catchup.latecomers[s] for s in publication.streams if s in catchup.latecomers]
            for latecomer in latecomers:
                latecomer.subscribed.note([publication], self._hub)
            if latecomers:
                sends.append(Send(encode_publication(publication, now_ms)))
        return sends

    def finish(self, key: int, next_key: int, now_ms: int) -> list[Effect]:
        """Send what came after the recall and join; what memory no longer holds is recalled as `next_key`."""
        catchup = self._by_key.pop(key, None)
        if catchup is None:
            return []
        effects: list[Effect] = []
        again: list[Latecomer] = []
        for stream, (subscribed, want) in catchup.latecomers.items():
            since = self._hub.since(stream, want.until)
            if isinstance(since, list):
                effects += self._join(subscribed, since, now_ms)
            else:
                again.append(Latecomer(subscribed, self._hub.want(stream, want.until)))
        return effects + (self._recall(next_key, _Catchup(again, catchup.rounds - 1)) if again else [])

    def drop(self, subscribed: Subscribed) -> list[Effect]:
        """Nobody waits any more for what this subscription missed."""
        key, subscribed.recall = subscribed.recall, None
        catchup = None if key is None else self._by_key.get(key)
        if key is None or catchup is None:
            return []
        del catchup.latecomers[subscribed.stream]
        if catchup.latecomers:
            return []
        del self._by_key[key]
        return [StopRecall(key)]

    def fail(self, key: int) -> list[Effect]:
        """The log could not be read to the end; the client has a place from which it can go on when it is back."""
        if self._by_key.pop(key, None) is None:
            return []
        return [Close(CloseCode.INTERNAL_ERROR, "resume again: not all that was missed could be read")]

    def _join(self, subscribed: Subscribed, publications: list[Publication], now_ms: int) -> list[Effect]:
        subscribed.recall, subscribed.joined = None, self._hub.sequence
        subscribed.note(publications, self._hub)
        sends = (Send(encode_publication(publication, now_ms)) for publication in publications)
        return [*sends, Join(subscribed.stream)]

    def _recall(self, key: int, catchup: _Catchup) -> list[Effect]:
        if catchup.rounds < 0:
            return [Close(CloseCode.SLOW_CONSUMER, "messages come faster than they are taken")]
        self._enter(key, catchup)
        return [Recall(key, tuple(latecomer.want for latecomer in catchup.latecomers.values()))]

    def _enter(self, key: int, catchup: _Catchup) -> None:
        self._by_key[key] = catchup
        for latecomer in catchup.latecomers.values():
            latecomer.subscribed.recall = key
