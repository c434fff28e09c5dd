"""Halts: the state of a market, and what it refuses."""

import msgspec

from finalex.model.commands import CancelOrder, PlaceOrder
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState


class Halt(msgspec.Struct, frozen=True, array_like=True):
    """The state of a market, and the operator's reason for it."""

    state: MarketState
    reason: str


NOT_HALTED = Halt(MarketState.OPEN, "")


def refusal(halt: Halt, command: PlaceOrder) -> RejectReason | None:
    """Return why a market in this state does not take a new order, or `None` if it does."""
    match halt.state:
        case MarketState.OPEN:
            return None
        case MarketState.POST_ONLY:
            return None if command.post_only else RejectReason.MARKET_POST_ONLY
        case MarketState.CANCEL_ONLY:
            return RejectReason.MARKET_CANCEL_ONLY
        case MarketState.HALTED:
            return RejectReason.MARKET_HALTED


def lets_cancel(halt: Halt, command: CancelOrder) -> bool:
    """Whether a market in this state lets an order be canceled."""
    return halt.state is not MarketState.HALTED or command.always
