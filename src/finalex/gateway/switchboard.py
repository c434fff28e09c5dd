"""What all connections of a gateway share."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from finalex.channels.resumable import Want
from finalex.exchange.outcomes import Outcome
from finalex.gateway.backlog import Backlog
from finalex.gateway.fanout import Fanout
from finalex.gateway.intake import Intake
from finalex.gateway.settings import GatewaySettings
from finalex.metrics import Metrics
from finalex.model.commands import Command
from finalex.protocol.messages import Publication
from finalex.session.effects import Effect

if TYPE_CHECKING:
    from finalex.gateway.connection import Connection

Clock = Callable[[], int]
"""Tells the time in milliseconds since 1970 (UTC)."""

Step = Callable[[int], list[Effect]]
"""A step of a session, given the time in milliseconds."""


class Venue(Protocol):
    """Where commands go: the source that takes orders."""

    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        """Carry out `command` and call `reply` with the outcome exactly once, now or later."""
        ...

    def open_account(self, user: str) -> None:
        """Let `user`, who has logged in, have an account."""
        ...


class Recollection(Protocol):
    """What the log tells of what somebody missed."""

    @property
    def found(self) -> Sequence[bool]:
        """Whether the log tells all of it, for each of the wants, in their order."""
        ...

    def pieces(self) -> AsyncIterator[Sequence[Publication]]:
        """Iterate what was found, oldest first, in pieces that are quickly sent; raises if it cannot go on."""
        ...


class Recaller(Protocol):
    """Where what memory no longer holds can be had: whoever reads the log again."""

    def recall(self, wants: Sequence[Want]) -> AbstractAsyncContextManager[Recollection]:
        """Look for `wants`, of which there is one for a stream at most, and private ones of one account only.

        Entering the context may take its time; leaving it ends the search. With too many before it nothing is found.
        """
        ...


@dataclass(frozen=True, slots=True)
class Switchboard:
    """The parts that a connection works with; `forget` is called once for each connection that is gone."""

    fanout: Fanout
    backlog: Backlog
    venue: Venue
    recaller: Recaller
    settings: GatewaySettings
    metrics: Metrics
    now_ms: Clock
    forget: Callable[["Connection"], None]
    intake: Intake
