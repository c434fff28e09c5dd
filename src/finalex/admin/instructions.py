"""What the operator may ask for: requests are checked, and become commands."""

from finalex.admin.messages import (
    MARKET_REASON_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    ChangeAccount,
    CreditAccount,
    ErrorCode,
    SetMarket,
)
from finalex.admin.texts import quote
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Credit, Debit, SetMarketState
from finalex.model.decimals import AMOUNT_DECIMALS, parse_units
from finalex.session.auth import RESERVED_PREFIXES, USER_LENGTH_MAX, valid_user

REFERENCE_PREFIX = "operator:"
"""What the references of the operator begin with in the log: they never meet those of demo balances."""


class RefusedError(Exception):
    """A request that is not carried out; the text is a sentence for the operator."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def booking_command(request: ChangeAccount, state: ExchangeState) -> Credit | Debit:
    """Return the command that `request` means; raises `RefusedError`."""
    kind: type[Credit | Debit] = Credit if isinstance(request, CreditAccount) else Debit
    _check_user(request.user)
    _check_reference(request.reference)
    _check_currency(request.currency, state.instruments.currencies)
    amount = _amount(request.amount)
    if kind is Debit:
        check_account(request.user, state)
    reference = REFERENCE_PREFIX + request.reference
    return kind(user=request.user, currency=request.currency, amount=amount, reference=reference)


def market_commands(request: SetMarket, state: ExchangeState) -> list[SetMarketState]:
    """Return the commands that `request` means, one for each market; raises `RefusedError`."""
    if len(request.reason) > MARKET_REASON_LENGTH_MAX or not (request.reason.isprintable() or not request.reason):
        raise _invalid(f"The reason must have at most {MARKET_REASON_LENGTH_MAX} printable characters.")
    if request.symbol is not None and request.symbol not in state.instruments:
        near = state.instruments.nearest(request.symbol)
        hint = f" Did you mean {near}?" if near else ""
        raise RefusedError(ErrorCode.NOT_FOUND, f"There is no market {quote(request.symbol)}.{hint}")
    symbols = list(state.instruments) if request.symbol is None else [request.symbol]
    return [SetMarketState(symbol=symbol, state=request.state, reason=request.reason) for symbol in symbols]


def check_account(user: str, state: ExchangeState) -> None:
    """Raise `RefusedError` if `user` has no account."""
    if not state.exists(user):
        raise RefusedError(ErrorCode.NOT_FOUND, f"There is no account {quote(user)}.")


def _check_user(user: str) -> None:
    if user.startswith(RESERVED_PREFIXES):
        raise _invalid(f"Account {quote(user)} is one of the exchange's own: it can be shown, not changed.")
    if not valid_user(user):
        form = f"1 to {USER_LENGTH_MAX} printable ASCII characters and no spaces"
        raise _invalid(f"User name {quote(user)} must have {form}.")


def _check_reference(reference: str) -> None:
    if not (0 < len(reference) <= REFERENCE_LENGTH_MAX and reference.isprintable()):
        raise _invalid(f"Reference {quote(reference)} must have 1 to {REFERENCE_LENGTH_MAX} printable characters.")


def _check_currency(currency: str, known: list[str]) -> None:
    if currency not in known:
        raise _invalid(f"Currency {quote(currency)} must be one of {', '.join(known)}.")


def _amount(text: str) -> int:
    try:
        amount = parse_units(text, AMOUNT_DECIMALS)
    except ValueError as error:
        raise _invalid(f"Amount {quote(text)} {error}.") from None
    if amount == 0:
        raise _invalid(f"Amount {quote(text)} must be more than zero.")
    return amount


def _invalid(message: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, message)
