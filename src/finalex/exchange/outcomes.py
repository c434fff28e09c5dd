"""What became of a command: the answer for whoever sent it. Encoded, outcomes are tagged with their own names."""

from enum import StrEnum

import msgspec

from finalex.exchange.order import Order


class Placed(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The order was accepted; `order` is as it stands after its command (perhaps filled already)."""

    order: Order


class Refused(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The order was refused; `order.reason` says why."""

    order: Order


class Canceled(msgspec.Struct, frozen=True, tag_field="outcome"):
    """These orders are canceled, oldest first."""

    orders: tuple[Order, ...]


class Frozen(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The order is in a halted market, and stays."""


class NotFound(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The account has no such open order."""


class Done(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The credit or debit is booked: now or, if its reference was seen before, `earlier`."""

    earlier: bool = False


class DeclineReason(StrEnum):
    """Why a credit or debit is not booked."""

    REFERENCE_USED = "reference_used"
    """The account has had another credit or debit with the same reference."""
    INSUFFICIENT_FUNDS = "insufficient_funds"
    """Less than the amount is available."""
    BALANCE_TOO_LARGE = "balance_too_large"
    """The account would have more than `UNITS_MAX` of the currency."""


class Declined(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The credit or debit is not booked. Nothing remembers this: the same reference may be tried again."""

    reason: DeclineReason


class Unavailable(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The exchange takes no commands for now, and nothing happened; the order may be sent again later."""


class TooFast(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The account sends more orders than `per_second_max`, over all gateways; nothing happened."""

    per_second_max: int


class Failed(msgspec.Struct, frozen=True, tag_field="outcome"):
    """The exchange itself failed: whether the command had an effect is not known to whoever sent it."""


Outcome = Placed | Refused | Canceled | Frozen | NotFound | Done | Declined | Unavailable | TooFast | Failed
