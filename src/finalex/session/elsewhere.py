"""The port to the other gateways of an exchange: limits that are counted for all of them together."""

from typing import Protocol


class Elsewhere(Protocol):
    """Knows what the other gateways have, and is told what this one has; asking and telling never wait or raise.

    Addresses are as limits count them: an IPv6 address as its /64 network.
    """

    def connections(self, address: str) -> int:
        """Return how many connections of `address` the other gateways have."""
        ...

    def seats(self, user: str) -> int:
        """Return how many connections of the account `user` the other gateways have."""
        ...

    def tell_connections(self, address: str, count: int) -> None:
        """Take note that this gateway has `count` connections of `address` now."""
        ...

    def tell_seats(self, user: str, count: int) -> None:
        """Take note that this gateway has `count` connections of the account `user` now."""
        ...


class Nowhere:
    """There are no other gateways."""

    def connections(self, address: str) -> int:  # noqa: ARG002 (the interface's)
        """See `Elsewhere.connections`."""
        return 0

    def seats(self, user: str) -> int:  # noqa: ARG002 (the interface's)
        """See `Elsewhere.seats`."""
        return 0

    def tell_connections(self, address: str, count: int) -> None:
        """See `Elsewhere.tell_connections`."""

    def tell_seats(self, user: str, count: int) -> None:
        """See `Elsewhere.tell_seats`."""


NOWHERE = Nowhere()
