"""The command line's accounts, on a server that runs: `finalex account …`."""

import secrets
from typing import Annotated

from cyclopts import App, Parameter

from finalex.admin.errors import UnansweredError
from finalex.admin.messages import (
    AccountReply,
    BalanceText,
    BookedReply,
    ChangeAccount,
    CreditAccount,
    DebitAccount,
    ShowAccount,
)
from finalex.cli_admin import ask_server
from finalex.cli_keys import REACH, ConfigFile
from finalex.settings.flags import with_flags
from finalex.tables import text_table

UserArgument = Annotated[str, Parameter(help="Whose account.")]
CurrencyArgument = Annotated[str, Parameter(help="A currency that the server's instruments use.")]
AmountArgument = Annotated[str, Parameter(help="How much, such as 1.5; at most 8 decimals.")]
ReferenceOption = Annotated[
    str | None,
    Parameter(
        help="Your name for this change, 1 to 64 characters: with the same name it is never done twice. Else random.",
        show_default=False,
    ),
]

_RANDOM_BYTES = 8

_EXAMPLES = """\
Examples:
  finalex account show alice
  finalex account credit alice USDT 2500
  finalex account debit alice BTC 0.5 --reference withdrawal-17

They act on the server that runs on the data directory. A change is in its log
once this command says so; repeated with the same reference it is not done
again.
"""

account = App(name="account", help="Show, credit and debit accounts of a server that runs.", help_epilogue=_EXAMPLES)


@account.command
@with_flags(REACH)
def show(user: UserArgument, /, *, config: ConfigFile = "", **flags: str | bool) -> int:
    """Show what an account has, and how many of its orders are open."""
    reply = ask_server(ShowAccount(user=user), AccountReply, flags, config)
    print(f"Account {reply.user}, open orders: {reply.open_orders}")
    print(text_table(("CURRENCY", "AVAILABLE", "LOCKED", "TOTAL"), [_row(balance) for balance in reply.balances]))
    return 0


@account.command
@with_flags(REACH)
def credit(
    user: UserArgument,
    currency: CurrencyArgument,
    amount: AmountArgument,
    /,
    *,
    reference: ReferenceOption = None,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Add to what an account has available; one that does not exist yet is opened."""
    request = CreditAccount(user=user, currency=currency, amount=amount, reference=_reference(reference))
    return _change(request, "Credited", flags, config)


@account.command
@with_flags(REACH)
def debit(
    user: UserArgument,
    currency: CurrencyArgument,
    amount: AmountArgument,
    /,
    *,
    reference: ReferenceOption = None,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Take from what an account has available; what open orders lock cannot be taken."""
    request = DebitAccount(user=user, currency=currency, amount=amount, reference=_reference(reference))
    return _change(request, "Debited", flags, config)


def _change(request: ChangeAccount, done: str, flags: dict[str, str | bool], config: str) -> int:
    try:
        reply = ask_server(request, BookedReply, flags, config)
    except UnansweredError as error:
        raise UnansweredError(f"{error} Asking again with --reference {request.reference} is safe.") from None
    balance = reply.balance
    what = f"{done} {reply.amount} {balance.currency}, account {reply.user}, reference {reply.reference}"
    print(f"{what}: done earlier, nothing was done now." if reply.earlier else f"{what}.")
    print(f"It now has {balance.total} {balance.currency}: {balance.available} available, {balance.locked} locked.")
    return 0


def _reference(given: str | None) -> str:
    return secrets.token_hex(_RANDOM_BYTES) if given is None else given


def _row(balance: BalanceText) -> tuple[str, str, str, str]:
    return balance.currency, balance.available, balance.locked, balance.total
