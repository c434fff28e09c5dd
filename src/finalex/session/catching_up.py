"""Catching up: streams whose missed messages are on their way from the log, until memory has the rest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from finalex.channels.hub import Hub
from finalex.channels.resumable import Want
from finalex.protocol.errors import CloseCode
from finalex.protocol.messages import Publication, encode_publication
from finalex.protocol.requests import Subscription
from finalex.session.effects import Close, Effect, Recall, Send, StopRecall
from finalex.session.openings import ROUNDS_MAX, Opening
from finalex.session.subscriptions import Subscribed


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
    """The recalls of one connection that have been acknowledged; `Subscribed.recall` holds their keys.

    New keys come from `keys`.
    """

    __slots__ = ("_by_key", "_hub", "_keys")

    def __init__(self, hub: Hub, keys: Iterator[int]) -> None:
        self._hub = hub
        self._keys = keys
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

    def finish(self, key: int) -> list[Opening]:
        """The recall `key` has told everything: return its streams, each to be opened with what came after it."""
        catchup = self._by_key.pop(key, None)
        if catchup is None:
            return []
        openings: list[Opening] = []
        for stream, (subscribed, want) in catchup.latecomers.items():
            subscribed.recall = None
            openings.append(Opening(subscribed, Subscription(stream.channel), want.until, catchup.rounds))
        return openings

    def recall_again(self, openings: Sequence[Opening]) -> list[Effect]:
        """Read the log for streams of which memory no longer holds everything."""
        if not openings:
            return []
        rounds = min(opening.rounds for opening in openings)
        if not rounds:
            return [Close(CloseCode.SLOW_CONSUMER, "messages come faster than they are taken")]
        latecomers = [
            Latecomer(opening.subscribed, self._hub.want(opening.subscribed.stream, opening.after))
            for opening in openings
            if opening.after is not None
        ]
        key = next(self._keys)
        self._enter(key, _Catchup(latecomers, rounds - 1))
        return [Recall(key, tuple(latecomer.want for latecomer in latecomers))]

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

    def _enter(self, key: int, catchup: _Catchup) -> None:
        self._by_key[key] = catchup
        for latecomer in catchup.latecomers.values():
            latecomer.subscribed.recall = key
