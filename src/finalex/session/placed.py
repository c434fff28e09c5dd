"""The orders that a connection has placed, for when it ends."""

from collections.abc import Callable

from finalex.model.commands import CancelOrder

PLACED_MAX = 1000
"""How many of a connection's orders are remembered before those that ended are sorted out."""


class PlacedOrders:
    """Remembers a connection's open orders; `cancel_on_disconnect` is what it asked to become of them."""

    __slots__ = ("_ids", "cancel_on_disconnect")

    def __init__(self) -> None:
        self.cancel_on_disconnect = False
        self._ids: dict[str, None] = {}

    def remember(self, order_id: str, still_open: Callable[[], set[str]]) -> None:
        """Add an order; `still_open` returns the ids of all open orders of the account."""
        self._ids[order_id] = None
        if len(self._ids) > PLACED_MAX:
            kept = still_open()
            self._ids = {placed: None for placed in self._ids if placed in kept}

    def cancels(self, user: str) -> list[CancelOrder]:
        """Return what is to be done with them now that the connection is gone."""
        if not self.cancel_on_disconnect:
            return []
        return [CancelOrder(user=user, order_id=order_id, always=True) for order_id in self._ids]
