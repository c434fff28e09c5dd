"""What became of a command: the answer for whoever sent it."""

import msgspec

from finalex.exchange.order import Order


class Placed(msgspec.Struct, frozen=True):
    """The order was accepted; `order` is as it stands after its command (perhaps filled already)."""

    order: Order


class Refused(msgspec.Struct, frozen=True):
    """The order was refused; `order.reason` says why."""

    order: Order


class Canceled(msgspec.Struct, frozen=True):
    """These orders are canceled, oldest first."""

    orders: tuple[Order, ...]


class NotFound(msgspec.Struct, frozen=True):
    """The account has no such open order."""


class Done(msgspec.Struct, frozen=True):
    """Done (or, with a reference seen before, done earlier)."""


class Failed(msgspec.Struct, frozen=True):
    """The exchange itself failed: whether the command had an effect is not known to whoever sent it."""


Outcome = Placed | Refused | Canceled | NotFound | Done | Failed
