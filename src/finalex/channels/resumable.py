"""Channels that a subscriber who comes back can resume: everything since the last message seen, once and in order."""

from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

from finalex.channels.channel import Channel
from finalex.channels.places import Place, TradePlace, batch_end
from finalex.protocol.messages import Publication
from finalex.protocol.streams import Stream

P = TypeVar("P", bound=Place)
E = TypeVar("E")


class Missing(Enum):
    """Why memory cannot tell what came after a place."""

    OLD = auto()
    """It does not reach back that far; the log may."""
    FUTURE = auto()
    """The log has not come that far."""


class Want(NamedTuple):
    """What is missing of a stream: everything that followed `after`, up to the batch `sequence` of the log.

    `number` is that of the symbol's last trade by then, or of the account's last message.
    """

    stream: Stream
    after: Place
    sequence: int
    number: int

    @property
    def until(self) -> Place:
        """The place after it."""
        return batch_end(self.sequence) if self.stream.private else TradePlace(self.stream.symbol, self.number)


class ResumableChannel(Channel, Generic[P, E]):
    """A channel whose messages since a place can be told again.

    `P` are the places it has, `E` is what one message is made of.
    """

    @abstractmethod
    def place(self, stream: Stream, text: str) -> P:
        """Return the place in `stream` that the id `text` names; raises `RequestError` if it names none."""

    @abstractmethod
    def entries(self, stream: Stream, place: P, sequence: int) -> Sequence[E] | Missing:
        """Return what came on `stream` after `place`, oldest first; `sequence` is the last batch."""

    @abstractmethod
    def publication(self, entry: E) -> Publication:
        """Return the message about `entry`."""

    def since(self, stream: Stream, place: P, sequence: int) -> list[Publication] | Missing:
        """Return what was published on `stream` after `place`, oldest first; `sequence` is the last batch."""
        entries = self.entries(stream, place, sequence)
        return entries if isinstance(entries, Missing) else [self.publication(entry) for entry in entries]

    @abstractmethod
    def number(self, stream: Stream) -> int:
        """Return the number of the symbol's last trade, or of the account's last message."""
