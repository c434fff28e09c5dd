"""The port of a source: whoever writes events to the log, and where commands go."""

from collections.abc import Callable
from typing import Protocol

from finalex.exchange.outcomes import Outcome
from finalex.model.commands import Command

Reply = Callable[[Outcome], None]


class Source(Protocol):
    """The one writer of a log: an exchange, a simulated market, a recording, an upstream."""

    trading: bool
    """Whether `submit` takes orders; a source that does not answers every order `Refused`."""

    async def run(self) -> None:
        """Write to the log until cancelled, or until what this source writes has come to its end.

        Raises what makes it impossible to go on.
        """
        ...

    def submit(self, command: Command, reply: Reply) -> None:
        """Carry out `command` and call `reply` with the outcome exactly once, now or later.

        By then everything that the command made happen is in the log and durable. Commands are carried out in
        the order in which they were submitted. Never raises for what is in a command.
        """
        ...

    def open_account(self, user: str) -> None:
        """Let `user`, who has logged in, have an account; cheap, and done before does nothing.

        A source without accounts does nothing at all.
        """
        ...
