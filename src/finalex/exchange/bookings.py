"""Bookings: what comes into an account from outside, and what leaves it."""

from finalex.exchange.accounts import Booking
from finalex.exchange.outcomes import Declined, DeclineReason, Done
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Credit, Debit
from finalex.model.decimals import UNITS_MAX
from finalex.model.events import Credited, Debited


def decide_booking(state: ExchangeState, command: Credit | Debit, now_ms: int) -> tuple[Credited | Debited, ...]:
    """Return the event of a credit or debit: none if it is declined, or if its reference was seen before.

    Raises `ValueError` for an amount that is not positive.
    """
    if command.amount <= 0:
        raise ValueError(f"an amount of {command.amount} is not positive")
    if state.booking(command.user, command.reference) is not None or _broken_rule(state, command) is not None:
        return ()
    kind = Credited if isinstance(command, Credit) else Debited
    return (
        kind(
            user=command.user,
            currency=command.currency,
            amount=command.amount,
            reference=command.reference,
            time_ms=now_ms,
        ),
    )


def booking_outcome(state: ExchangeState, command: Credit | Debit, *, booked: bool) -> Done | Declined:
    """Return what became of a credit or debit; `booked` tells that it led to an event, which `state` has taken in."""
    if booked:
        return Done()
    known = state.booking(command.user, command.reference)
    if known is not None:
        amount = command.amount if isinstance(command, Credit) else -command.amount
        same = known == Booking(command.currency, amount)
        return Done(earlier=True) if same else Declined(DeclineReason.REFERENCE_USED)
    reason = _broken_rule(state, command)
    if reason is None:
        raise ValueError("nothing speaks against this booking, and no event made it")
    return Declined(reason)


def _broken_rule(state: ExchangeState, command: Credit | Debit) -> DeclineReason | None:
    balance = state.balance(command.user, command.currency)
    if isinstance(command, Debit):
        return DeclineReason.INSUFFICIENT_FUNDS if command.amount > balance.available else None
    return DeclineReason.BALANCE_TOO_LARGE if balance.total + command.amount > UNITS_MAX else None
