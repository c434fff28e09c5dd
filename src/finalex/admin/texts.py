"""Amounts and reasons, as the operator reads them."""

from finalex.admin.messages import BalanceText, ChangeAccount
from finalex.exchange.accounts import Balance, Booking
from finalex.exchange.outcomes import DeclineReason
from finalex.model.decimals import AMOUNT_DECIMALS, format_units

QUOTED_LENGTH_MAX = 64


def amount_text(amount: int) -> str:
    """Return an amount (10^-8) as decimal text."""
    return format_units(amount, AMOUNT_DECIMALS)


def balance_text(currency: str, balance: Balance) -> BalanceText:
    """Return what an account has of a currency as decimal text."""
    return BalanceText(
        currency=currency,
        available=amount_text(balance.available),
        locked=amount_text(balance.locked),
        total=amount_text(balance.total),
    )


def decline_sentence(reason: DeclineReason, request: ChangeAccount, balance: Balance, first: Booking | None) -> str:
    """Return why `request` was declined; `first` is what its reference was used for before."""
    match reason:
        case DeclineReason.REFERENCE_USED:
            before = "" if first is None else f", {_booking_text(first)}"
            return f"Reference {quote(request.reference)} was used for something else{before}: nothing was done."
        case DeclineReason.INSUFFICIENT_FUNDS:
            available = amount_text(balance.available)
            return f"Account {quote(request.user)} has {available} {request.currency} available, not {request.amount}."
        case DeclineReason.BALANCE_TOO_LARGE:
            return f"Account {quote(request.user)} would have more {request.currency} than can be counted."


def quote(text: str) -> str:
    """Return what somebody wrote, in quotes, cut to a readable length and harmless on a terminal."""
    return repr(text[:QUOTED_LENGTH_MAX])


def _booking_text(booking: Booking) -> str:
    kind = "credit" if booking.amount > 0 else "debit"
    return f"a {kind} of {amount_text(abs(booking.amount))} {booking.currency}"
