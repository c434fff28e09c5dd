"""The register of orders: every open one, and what became of those that a client gave an id."""

from collections.abc import Mapping

import msgspec

from finalex.exchange.order import Order
from finalex.exchange.recent import Recent
from finalex.model.orders import OrderStatus

OUTCOMES_MAX = 10_000
"""How many ended orders an account remembers by `client_order_id`; the one that ended first is forgotten first."""

_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class SavedOrders(msgspec.Struct, frozen=True):
    """The orders of one user as a snapshot holds them: open ones oldest first, ended ones in the order of their end."""

    open: list[Order]
    ended: list[Order]


class UserOrders:
    """The orders of one user."""

    __slots__ = ("client_ids", "ended", "open")

    def __init__(self) -> None:
        self.open: dict[int, Order] = {}
        self.client_ids: dict[str, int] = {}  # of open orders alone
        self.ended: Recent[Order] = Recent(OUTCOMES_MAX)

    def by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order, open or remembered, with this `client_order_id`."""
        number = self.client_ids.get(client_order_id)
        return self.ended.get(client_order_id) if number is None else self.open[number]

    def canonical(self) -> list[list[Order]]:
        """Return everything as plain lists, the same for equal orders."""
        return [list(self.open.values()), [order for _, order in self.ended.items()]]

    def save(self) -> SavedOrders:
        """Return everything; it follows no later change."""
        return SavedOrders(list(self.open.values()), [order for _, order in self.ended.items()])


class OrderRegister:
    """All open orders by number and by user, and the remembered outcomes; an open order is never forgotten."""

    def __init__(self) -> None:
        self._owners: dict[int, UserOrders] = {}  # by the number of an open order
        self._by_user: dict[str, UserOrders] = {}

    def get(self, number: int) -> Order | None:
        """Return the open order with this number, if there is one."""
        orders = self._owners.get(number)
        return None if orders is None else orders.open[number]

    def __getitem__(self, number: int) -> Order:
        return self._owners[number].open[number]

    def of(self, user: str) -> UserOrders | None:
        """Return the orders of `user`, if there ever were any."""
        return self._by_user.get(user)

    def put(self, order: Order) -> None:
        """Take in a new order or a newer version of an open one; an ended one stays as an outcome alone."""
        orders = self._by_user.get(order.user)
        if orders is None:
            orders = self._by_user[order.user] = UserOrders()
        if order.status in _OPEN:
            self._keep(orders, order)
        else:
            self._end(orders, order)

    def _keep(self, orders: UserOrders, order: Order) -> None:
        self._owners[order.number] = orders
        orders.open[order.number] = order
        if order.client_order_id is not None:
            orders.client_ids[order.client_order_id] = order.number

    def _end(self, orders: UserOrders, order: Order) -> None:
        self._owners.pop(order.number, None)
        orders.open.pop(order.number, None)
        if order.client_order_id is not None:
            orders.client_ids.pop(order.client_order_id, None)
            orders.ended.put(order.client_order_id, order)

    def canonical(self) -> object:
        """Return everything as plain lists, the same for equal registers."""
        everything = ((user, orders.canonical()) for user, orders in sorted(self._by_user.items()))
        return [(user, lists) for user, lists in everything if any(lists)]

    def save(self) -> dict[str, SavedOrders]:
        """Return everything by user, in the order in which they first placed one; it follows no later change."""
        return {user: orders.save() for user, orders in self._by_user.items()}

    def load(self, saved: Mapping[str, SavedOrders]) -> None:
        """Take over, into an empty register, what `save` returned."""
        for user, orders in saved.items():
            self._by_user[user] = UserOrders()
            for order in (*orders.ended, *orders.open):
                self.put(order)
