"""What all connections of a gateway share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from finalex.exchange.outcomes import Outcome
from finalex.gateway.fanout import Fanout
from finalex.gateway.settings import GatewaySettings
from finalex.metrics import Metrics
from finalex.model.commands import Command

if TYPE_CHECKING:
    from finalex.gateway.connection import Connection

Clock = Callable[[], int]
"""Tells the time in milliseconds since 1970 (UTC)."""


class Venue(Protocol):
    """Where commands go: the source that takes orders."""

    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        """Carry out `command` and call `reply` with the outcome exactly once, now or later."""
        ...

    def open_account(self, user: str) -> None:
        """Let `user`, who has logged in, have an account."""
        ...


@dataclass(frozen=True, slots=True)
class Switchboard:
    """The parts that a connection works with; `forget` is called once for each connection that is gone."""

    fanout: Fanout
    venue: Venue
    settings: GatewaySettings
    metrics: Metrics
    now_ms: Clock
    forget: Callable[["Connection"], None]
