"""The ports of an external engine: where its events come from, where its commands go, and the log they end in."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from finalex.log.port import LogError, LogProblem, OnDurable
from finalex.model.events import AnyEvent, Batch


class EventMessage(NamedTuple):
    """A message of an external engine as it is stored, at the stream's `sequence`.

    `producer` is what it calls itself, perhaps nothing; so many messages that are stored behind it are `pending`.
    """

    sequence: int
    content_type: str
    producer: str
    data: bytes
    pending: int = 0


class InputMissingError(LogError):
    """Messages are gone that were never taken in; the text is a sentence for the operator."""


class InputAwayError(OSError):
    """The stored messages cannot be asked for at the moment."""


class ExternalInput(Protocol):
    """The stored messages of an external engine, numbered without a gap."""

    async def read(self, after: int) -> list[EventMessage]:
        """Return messages above the sequence `after`, in order; waits a moment for the first, and may return none.

        Raises `InputMissingError` if the first of them is gone, and `InputAwayError`.
        """
        ...

    async def set_aside(self, message: EventMessage, reason: str) -> None:
        """Store a message that cannot be taken where the operator finds it. Raises `InputAwayError`.

        Setting the same one aside again changes nothing.
        """
        ...

    async def forget(self, sequence: int) -> None:
        """Allow to forget messages up to `sequence`, which nobody asks for again. Raises `InputAwayError`."""
        ...

    async def close(self) -> None:
        """Listen no more."""
        ...


class NobodyListensError(Exception):
    """No engine takes commands: the request reached nobody."""


class ExternalVenue(Protocol):
    """Where the commands of an external engine go."""

    async def request(self, command: bytes, timeout_s: float) -> bytes:
        """Send a command, in the order of the calls, and return the answer.

        Raises `NobodyListensError` when it surely reached nobody, and `TimeoutError`.
        """
        ...

    async def close(self) -> None:
        """Listen no more; nobody asks after that."""
        ...


class PositionedLog(Protocol):
    """What an external engine's events need of a `Log`, and one thing more: how far its messages are taken in.

    What is assigned to `position` is stored with the batches appended from then on, in one step with each: a log
    that is opened again knows the position of its last batch.
    """

    position: int

    @property
    def sequence(self) -> int:
        """See `Log.sequence`."""
        ...

    @property
    def time_ms(self) -> int:
        """See `Log.time_ms`."""
        ...

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`."""
        ...

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        ...

    def when_durable(self, sequence: int, callback: OnDurable) -> None:
        """See `Log.when_durable`."""
        ...
