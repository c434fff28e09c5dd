"""The state that an external engine's messages add up to: each is taken as a whole, or not at all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.events import (
    AnyEvent,
    BookReset,
    BookWithdrawn,
    Credited,
    Debited,
    LevelsChanged,
    MarketStateChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    PaperFilled,
    PaperRested,
    Traded,
)
from finalex.sources.external_checks import (
    BadEventError,
    check_book_reset,
    check_book_withdrawn,
    check_credited,
    check_debited,
    check_levels_changed,
    check_market_state,
)
from finalex.sources.external_events import BadMessageError, described
from finalex.sources.external_order_checks import (
    check_accepted,
    check_ended,
    check_filled,
    check_rejected,
    check_rested,
    check_traded,
    check_waits,
)

_logger = structlog.get_logger(__name__)


class Ledger:
    """Tries events out on a copy of `state` before `state` takes them in.

    So whatever `take` was given applies to every state that is equal to this one. Twice the memory is the price of
    never having to undo anything; after a bad message the copy is made anew, which takes as long as a snapshot.
    """

    def __init__(self, state: ExchangeState) -> None:
        self.state = state
        self._trial = _copy(state)

    def try_out(self, events: Sequence[AnyEvent]) -> None:
        """Raise `BadMessageError` if `events` cannot follow; else `take` or `forget` must come next."""
        for number, event in enumerate(events):
            try:
                check(self._trial, event)
                self._trial.apply(event)
            except Exception as error:
                if number or not isinstance(error, BadEventError):  # else nothing was applied yet
                    self.forget()
                if not isinstance(error, BadEventError):
                    _logger.exception("external_event_unforeseen", event_type=type(event).__name__)
                    error = BadEventError("it cannot follow from what was before")
                raise BadMessageError(described(number, event, error)) from None

    def take(self, events: Sequence[AnyEvent]) -> dict[int, Order]:
        """Apply what was tried out, and return the last version of each order that it changed, by number."""
        return {order.number: order for event in events for order in self.state.apply(event)}

    def forget(self) -> None:
        """Let what was tried out be as if it had not been."""
        self._trial = _copy(self.state)


_CHECKS: Mapping[type[AnyEvent], Callable[[ExchangeState, Any], None]] = {
    OrderAccepted: check_accepted,
    OrderRejected: check_rejected,
    OrderRested: check_rested,
    OrderEnded: check_ended,
    Traded: check_traded,
    PaperRested: check_waits,
    PaperFilled: check_filled,
    Credited: check_credited,
    Debited: check_debited,
    BookReset: check_book_reset,
    LevelsChanged: check_levels_changed,
    BookWithdrawn: check_book_withdrawn,
    MarketStateChanged: check_market_state,
}


def check(state: ExchangeState, event: AnyEvent) -> None:
    """Raise `BadEventError` if `event` cannot follow from `state`; its symbol is one of the state's instruments."""
    _CHECKS[type(event)](state, event)


def _copy(state: ExchangeState) -> ExchangeState:
    copied = ExchangeState(state.instruments, state.open_orders_max)
    copied.load(state.save())
    return copied
