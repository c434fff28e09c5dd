"""Other gateways that have what a test says, and remember what they were told."""


class Others:
    """An `Elsewhere`; `told` is what they were told, in order, addresses and accounts alike."""

    def __init__(self, **has: int) -> None:
        self.has: dict[str, int] = has
        self.told: list[tuple[str, int]] = []

    def connections(self, address: str) -> int:
        """See `Elsewhere.connections`."""
        return self.has.get(address, 0)

    def seats(self, user: str) -> int:
        """See `Elsewhere.seats`."""
        return self.has.get(user, 0)

    def tell_connections(self, address: str, count: int) -> None:
        """See `Elsewhere.tell_connections`."""
        self.told.append((address, count))

    def tell_seats(self, user: str, count: int) -> None:
        """See `Elsewhere.tell_seats`."""
        self.told.append((user, count))
