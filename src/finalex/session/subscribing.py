"""Subscribing and unsubscribing: what a request asks for, what it gets, and what it must wait for."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

from finalex.channels.resumable import Missing, Want
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Publication
from finalex.protocol.requests import RequestId, Subscribe, Subscription, Unsubscribe
from finalex.protocol.streams import HEARTBEAT, Stream
from finalex.session.auth import Identity
from finalex.session.catching_up import CatchingUp, Latecomer
from finalex.session.changes import Answer, Change, bounded, refused, reply
from finalex.session.desk import Desk
from finalex.session.effects import Effect, Leave, Recall
from finalex.session.heartbeat import Heartbeat
from finalex.session.openings import Opening, Openings
from finalex.session.subscriptions import Subscribed, Subscriptions

RECALLS_MAX = 16
"""How many recalls of one connection may be under way; above that nothing older than memory is resumed."""


class Caller(NamedTuple):
    """Who asks, and when."""

    identity: Identity | None
    now_ms: int


class _Missed(NamedTuple):
    """What an item with `after` missed: as the log has it, and how many messages if memory still has them all."""

    want: Want
    messages: int | None


class _Asked:
    """A request to subscribe; it waits for the log to say which of `wants`, by the item's place, it can tell."""

    __slots__ = ("canceled", "request", "request_id", "wants")

    def __init__(self, request: Subscribe, request_id: RequestId, wants: Mapping[int, Want]) -> None:
        self.request = request
        self.request_id = request_id
        self.wants = wants
        self.canceled: set[int] = set()


class Subscribing:
    """Carries out the requests of one connection to subscribe and unsubscribe.

    A request is answered at once, unless something in it can only be resumed from the log: then all of it waits until
    the log has said whether it can be. What its items are sent before they join follows the answer, if that is not
    much, and else comes in turns.
    """

    __slots__ = ("_asked", "_catching_up", "_hub", "_keys", "_openings", "heartbeat", "subscriptions")

    def __init__(self, desk: Desk) -> None:
        self.subscriptions = Subscriptions(desk)
        self.heartbeat = Heartbeat(desk, self.subscriptions)
        self._hub = desk.hub
        self._keys = count(1)
        self._openings = Openings(desk.hub)
        self._catching_up = CatchingUp(desk.hub, self._keys)
        self._asked: dict[int, _Asked] = {}

    def subscribe(self, request: Subscribe, request_id: RequestId, caller: Caller) -> list[Effect]:
        """Take in all streams that `request` names: for each its present state, or what was missed, then updates."""
        missed = [self._look(item, caller) for item in request.items]
        asked = _Asked(request, request_id, self._wants(missed))
        if not asked.wants:
            return self._begin(asked, [item and item.messages for item in missed], caller)
        key = next(self._keys)
        self._asked[key] = asked
        return [Recall(key, tuple(asked.wants.values()))]

    def unsubscribe(self, request: Unsubscribe, request_id: RequestId, caller: Caller) -> list[Effect]:
        """Take out all streams that `request` names; one that is not there is no error."""
        changes = [self._remove(item, caller) for item in request.items]
        effects = [effect for change in changes for effect in change.effects]
        return [*effects, reply("unsubscribed", request, request_id, changes, caller.now_ms)]

    # --- turns ------------------------------------------------------------------------------------------

    @property
    def behind(self) -> bool:
        """Whether the client is behind."""
        return self._openings.behind

    def proceed(self, now_ms: int) -> list[Effect]:
        """Open what waits, as much as one turn takes."""
        self._openings.begin_turn()
        return [*self._take(now_ms), *self._openings.ask()]

    def fall_behind(self) -> list[Effect]:
        """Leave all lossy streams until the client has caught up."""
        return self._openings.fall_behind(each for each in self.subscriptions if each.joined is not None)

    def catch_up(self, now_ms: int) -> list[Effect]:
        """Open the lossy streams again, as what they are by now."""
        self._openings.behind = False
        return [*self._take(now_ms), *self._openings.ask()]

    def _take(self, now_ms: int) -> list[Effect]:
        effects, forgotten = self._openings.take(now_ms)
        return effects + self._catching_up.recall_again(forgotten)

    # --- what the log says ------------------------------------------------------------------------------

    def recalled(self, key: int, found: Sequence[bool], caller: Caller) -> list[Effect]:
        """Answer the request that waited for the recall `key`, now that it is known what that can tell."""
        asked = self._asked.pop(key, None)
        if asked is None:
            return self._catching_up.recalled(key, found)
        told = {index: want for (index, want), is_found in zip(asked.wants.items(), found, strict=True) if is_found}
        answers = [self._late_answer(asked, index, told, caller) for index in range(len(asked.request.items))]
        return self._begin(asked, answers, caller, key)

    def replayed(self, key: int, publications: Sequence[Publication], caller: Caller) -> list[Effect]:
        """Send what a recall has found."""
        return self._catching_up.replay(key, publications, caller.now_ms)

    def caught_up(self, key: int, caller: Caller) -> list[Effect]:
        """Join the streams of the recall `key`, which has told everything."""
        for opening in self._catching_up.finish(key):
            self._openings.put(opening)
        return [*self._take(caller.now_ms), *self._openings.ask()]

    def recall_failed(self, key: int, caller: Caller) -> list[Effect]:
        """Go on without the recall `key`, which can tell nothing more."""
        asked = self._asked.get(key)
        if asked is None:
            return self._catching_up.fail(key)
        return self.recalled(key, [False] * len(asked.wants), caller)

    def _look(self, item: Subscription | RequestError, caller: Caller) -> _Missed | None:
        """Return what an item missed; `None` if it does not ask, or nobody can know."""
        if isinstance(item, RequestError) or item.after is None:
            return None
        try:
            stream = self.subscriptions.find(item, caller.identity)
            place = self._hub.place(stream, item.after)
        except RequestError:
            return None  # `_add` says so
        messages = Missing.FUTURE if place is None else self._hub.count_since(stream, place)
        if place is None or messages is Missing.FUTURE:
            return None
        return _Missed(self._hub.want(stream, place), messages if isinstance(messages, int) else None)

    def _wants(self, missed: Sequence[_Missed | None]) -> dict[int, Want]:
        """Return what must be looked for in the log, by the item's place; of a stream named twice the first.

        If there is anything, then it is all: until the answer comes, memory may lose the rest.
        """
        if all(item is None or item.messages is not None for item in missed):
            return {}
        if len(self._asked) + len(self._catching_up) >= RECALLS_MAX:
            return {}
        wants: dict[Stream, tuple[int, Want]] = {}
        for index, item in enumerate(missed):
            if item is not None:
                wants.setdefault(item.want.stream, (index, item.want))
        return dict(wants.values())

    def _late_answer(self, asked: _Asked, index: int, told: Mapping[int, Want], caller: Caller) -> Answer:
        if index in asked.canceled:
            return RequestError(ErrorCode.CANCELED, "unsubscribed before it could be resumed")
        if index in told:
            return told[index]
        missed = self._look(asked.request.items[index], caller)
        return missed and missed.messages

    # --- single items -----------------------------------------------------------------------------------

    def _begin(self, asked: _Asked, answers: Sequence[Answer], caller: Caller, key: int | None = None) -> list[Effect]:
        """Subscribe to every item as it is answered; the recall `key` goes on for those that the log tells."""
        pairs = zip(asked.request.items, bounded(answers), strict=True)
        changes = [self._add(item, answer, caller) for item, answer in pairs]
        effects: list[Effect] = [reply("subscribed", asked.request, asked.request_id, changes, caller.now_ms)]
        effects += [effect for change in changes for effect in change.effects]
        if key is not None:
            latecomers = [change.latecomer for change in changes if change.latecomer]
            waiting = [latecomer for latecomer in latecomers if latecomer.subscribed not in self._openings]
            effects += self._catching_up.begin(key, waiting)
        effects += self._take(caller.now_ms)
        if any(change.error is None and change.named["channel"] == HEARTBEAT for change in changes):
            effects.append(self.heartbeat.begin(caller.now_ms))
        return effects + self._openings.ask()

    def _add(self, item: Subscription | RequestError, answer: Answer, caller: Caller) -> Change:
        if isinstance(item, RequestError):
            return refused(item, item)
        try:
            stream = self.subscriptions.find(item, caller.identity)
            place = None if item.after is None else self._hub.place(stream, item.after)
            if isinstance(answer, RequestError):
                return refused(item, answer)
            replaced, subscribed = self.subscriptions.get(stream), self.subscriptions.put(stream)
        except RequestError as error:
            return refused(item, error)
        effects = [] if replaced is None else self._catching_up.drop(replaced)
        if replaced is not None and (replaced is not subscribed or isinstance(answer, Want)):
            effects += self._end(replaced)
        if not isinstance(answer, Want) and stream.channel != HEARTBEAT:
            self._openings.put(Opening(subscribed, item, None if answer is None else place))
        return Change(
            named=self._result(stream, None if item.after is None else answer is not None),
            effects=tuple(effects),
            latecomer=Latecomer(subscribed, answer) if isinstance(answer, Want) else None,
        )

    def _remove(self, item: Subscription | RequestError, caller: Caller) -> Change:
        if isinstance(item, RequestError):
            return refused(item, item)
        try:
            stream = self.subscriptions.find(item, caller.identity)
        except RequestError as error:
            return refused(item, error)
        effects = self._take_back(stream, caller)
        removed = self.subscriptions.pop(stream)
        if removed is not None:
            effects += [*self._catching_up.drop(removed), *self._end(removed)]
        if stream.channel == HEARTBEAT:
            self.heartbeat.end()
        return Change(named=self._result(removed.stream if removed else stream), effects=tuple(effects))

    def _end(self, subscribed: Subscribed) -> list[Effect]:
        """Leave the live stream, or wait for it no more."""
        self._openings.drop(subscribed)
        if subscribed.joined is None:
            return []
        subscribed.leave(self._hub)
        return [Leave(subscribed.stream)]

    def _take_back(self, stream: Stream, caller: Caller) -> list[Effect]:
        """Cancel what waits for the log for `stream`, and answer the requests that wait for nothing any more."""
        effects: list[Effect] = []
        for key, asked in tuple(self._asked.items()):
            asked.canceled.update(index for index, want in asked.wants.items() if want.stream == stream)
            if len(asked.canceled) == len(asked.wants):
                effects += self.recall_failed(key, caller)
        return effects

    def _result(self, stream: Stream, resumed: bool | None = None) -> dict[str, object]:
        told = {} if resumed is None else {"resumed": resumed}
        return {
            **stream.params(),
            **told,
            "subscriptions_remaining": self.subscriptions.remaining(private=stream.private),
        }
