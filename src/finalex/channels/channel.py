"""What a channel is: events in, publications out, and the current state for whoever comes later."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from finalex.exchange.order import Order
from finalex.model.events import Event
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class Turn:
    """One batch of the log being applied: its place, who listens, and what is published, in order.

    `index` is the place of the current event in its batch, `orders` the exchange's orders that it changed, maker
    before taker. Messages are only built for streams in `wanted`; everything else happens regardless of it.
    """

    __slots__ = ("index", "orders", "publications", "sequence", "time_ms", "wanted")

    def __init__(self, sequence: int, time_ms: int, wanted: Container[Stream]) -> None:
        self.sequence = sequence
        self.time_ms = time_ms
        self.wanted = wanted
        self.index = 0
        self.orders: tuple[Order, ...] = ()
        self.publications: list[Publication] = []


class Newcomer(NamedTuple):
    """A new subscriber: to what, asking for what, and after which batch of the log."""

    stream: Stream
    subscription: Subscription
    sequence: int
    time_ms: int


Handlers = Mapping[type[Event], Callable[[Turn, Any], None]]
"""What to call for each type of event, with that event."""


class SavedChannel(msgspec.Struct, frozen=True):
    """What a channel keeps from one batch to the next, as a snapshot holds it: this one keeps nothing."""


class Channel(ABC):
    """One channel: all its streams, for all its subscribers.

    Everything it publishes is a function of the log alone: ids, contents and moments do not depend on who
    listens, or since when.
    """

    name: ClassVar[str]
    private: ClassVar[bool] = False
    """Whether its streams belong to a user."""
    saved: ClassVar[type[SavedChannel]] = SavedChannel
    """What `save` returns."""

    @abstractmethod
    def handlers(self) -> Handlers:
        """Return what to call for which event; the symbol of an event is always a known one."""

    @abstractmethod
    def stream(self, subscription: Subscription) -> Stream:
        """Return the stream that `subscription` names, without its user.

        Raises `RequestError` for a parameter that is missing or wrong.
        """

    @abstractmethod
    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the current state of the stream, as the newcomer asks for it."""

    def advance(self, turn: Turn) -> None:  # noqa: B027 (to most channels the clock means nothing)
        """Carry out what the clock alone causes; called before the events of the first batch in each minute."""

    def finish(self, turn: Turn) -> None:  # noqa: B027 (most channels publish at once)
        """Carry out what a whole batch causes; called after its events, and for empty batches too."""

    def counters(self) -> Mapping[str, int]:
        """Return what happened how often, by name, that should not happen with a sound source."""
        return {}

    def save(self) -> SavedChannel:
        """Return all that the batches so far left here, and that what comes depends on; it follows no later change."""
        return SavedChannel()

    def load(self, saved: Any) -> None:  # noqa: B027 (nothing to take over for a channel that keeps nothing)
        """Continue, in a new channel, from what `save` returned; symbols that it does not name start empty.

        The exchange's state of the same moment must have been loaded before.
        """
