"""The command line's way to trade: `finalex trade …`."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import uuid4

import msgspec
from cyclopts import App, CycloptsError, Parameter

from finalex.cli_client import URL_DEFAULT, TokenFile, TokenText, Url, credentials, run_client, sentence
from finalex.tables import text_table

if TYPE_CHECKING:
    from finalex.terminal.trading import Account

_EXAMPLES = """\
Examples:
  export FINALEX_TOKEN=$(finalex token --user alice)
  finalex trade buy BTC/USDT 0.01 --price 45000
  finalex trade sell BTC/USDT 0.01                  # a market order
  finalex trade sell BTC/USDT 0.01 --price 47000 --client-order-id mine-1
  finalex trade orders
  finalex trade cancel --client-order-id mine-1
  finalex trade balances --json | jq '.balances[].currency'

FINALEX_TOKEN or FINALEX_API_KEY in the environment log in, or --token-file.
A token after --token can be read by everybody on the machine.

The exit code is 0 when it is done, 1 when it was refused or failed. If no
outcome comes in time, ask again with the same --client-order-id: that never
trades twice.
"""

trade = App(name="trade", help="Place and cancel orders, list them, show balances.", help_epilogue=_EXAMPLES)

T = TypeVar("T")

Symbol = Annotated[str, Parameter(help="The market, such as BTC/USDT.")]
ClientOrderId = Annotated[str | None, Parameter(help="Your own name of the order.", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True)
class Access:
    """How a command reaches the server, and how it answers."""

    url: Url = URL_DEFAULT
    token_file: TokenFile = None
    token: TokenText = None
    timeout: Annotated[timedelta, Parameter(help="How long to wait for the outcome.", show_default="10s")] = timedelta(
        seconds=10
    )
    json: Annotated[bool, Parameter(help="Print JSON, also for a refusal.", negative=(), show_default=False)] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Terms:
    """What an order asks for."""

    price: Annotated[str | None, Parameter(help="The limit; without it a market order.", show_default=False)] = None
    tif: Annotated[
        Literal["GTC", "IOC", "FOK"] | None, Parameter(help="Time in force; GTC for a limit order.", show_default=False)
    ] = None
    post_only: Annotated[
        bool, Parameter(help="Refuse it rather than trade at once.", negative=(), show_default=False)
    ] = False
    client_order_id: ClientOrderId = None


Quantity = Annotated[str, Parameter(help="How much, in the base asset.")]
_ACCESS, _TERMS = Access(), Terms()


@trade.command
def buy(symbol: Symbol, quantity: Quantity, /, *, terms: Terms = _TERMS, access: Access = _ACCESS) -> int:
    """Place an order to buy."""
    return _place("buy", symbol, quantity, terms, access)


@trade.command
def sell(symbol: Symbol, quantity: Quantity, /, *, terms: Terms = _TERMS, access: Access = _ACCESS) -> int:
    """Place an order to sell."""
    return _place("sell", symbol, quantity, terms, access)


@trade.command
def cancel(
    order_id: Annotated[str | None, Parameter(help="The order.", show_default=False)] = None,
    /,
    *,
    client_order_id: ClientOrderId = None,
    access: Access = _ACCESS,
) -> int:
    """Cancel an open order, named by one of its ids."""
    if (order_id is None) == (client_order_id is None):
        raise CycloptsError(msg="Name the order by its id or by --client-order-id.")

    async def work(account: "Account") -> list[str]:
        timeout_s = access.timeout.total_seconds()
        return await account.client.cancel_order(order_id, client_order_id=client_order_id, timeout_s=timeout_s)

    return _answer(access, work, _canceled)


@trade.command(name="cancel-all")
def cancel_all(
    symbol: Annotated[str | None, Parameter(help="Only of this market.", show_default=False)] = None,
    /,
    *,
    access: Access = _ACCESS,
) -> int:
    """Cancel all open orders."""

    async def work(account: "Account") -> list[str]:
        return await account.client.cancel_all_orders(symbol, timeout_s=access.timeout.total_seconds())

    return _answer(access, work, _canceled)


@trade.command
def orders(
    symbol: Annotated[str | None, Parameter(help="Only of this market.", show_default=False)] = None,
    /,
    *,
    access: Access = _ACCESS,
) -> int:
    """List the open orders, oldest first."""
    from finalex.terminal.trading import order_rows

    return _answer(
        access, lambda account: account.open_orders(symbol), lambda found: _table(*order_rows(found), "No open orders.")
    )


@trade.command
def balances(*, access: Access = _ACCESS) -> int:
    """Show what the account has."""
    from finalex.terminal.trading import balance_rows

    return _answer(
        access,
        lambda account: account.balances(),
        lambda found: _table(*balance_rows(found.balances), "The account is empty."),
    )


def _place(side: str, symbol: str, quantity: str, terms: Terms, access: Access) -> int:
    from finalex.client.errors import OutcomeUnknownError
    from finalex.terminal.trading import order_text

    name = terms.client_order_id or uuid4().hex

    async def work(account: "Account") -> Any:
        try:
            return await account.client.place_order(
                *(symbol, side, "market" if terms.price is None else "limit", quantity, terms.price),
                time_in_force=terms.tif,
                post_only=terms.post_only,
                client_order_id=name,
                timeout_s=access.timeout.total_seconds(),
            )
        except OutcomeUnknownError:
            again = f"the same command with --client-order-id {name} tells, and trades once"
            raise OSError(f"No outcome within {access.timeout.total_seconds():g} s: {again}.") from None

    return _answer(access, work, order_text)


def _answer(access: Access, work: "Callable[[Account], Awaitable[T]]", shown: Callable[[T], str]) -> int:
    """Carry out `work` and print its outcome; a refusal is 1."""
    from finalex.client.errors import RequestFailedError

    async def refusable(account: "Account") -> T | RequestFailedError:
        try:
            return await work(account)
        except RequestFailedError as error:
            return error

    outcome = _run(access, refusable)
    if isinstance(outcome, RequestFailedError):
        print(f"finalex: {_refusal(outcome)}", file=sys.stderr)
        if access.json:
            error = {"code": outcome.code, "reason": outcome.reason, "details": outcome.details}
            print(msgspec.json.encode({"error": error}).decode())
        return 1
    print(msgspec.json.encode(outcome).decode() if access.json else shown(outcome))
    return 0


def _run(access: Access, work: "Callable[[Account], Awaitable[T]]") -> T:
    from finalex.terminal.address import check_address
    from finalex.terminal.trading import Login, logged_in

    seconds = access.timeout.total_seconds()
    if seconds <= 0:
        raise CycloptsError(msg="--timeout must be more than 0.")
    token, api_key = credentials(access.token_file, access.token)
    if token is None and api_key is None:
        raise OSError(
            "Trading takes a token or an API key: set FINALEX_TOKEN or FINALEX_API_KEY, or give --token-file."
        )
    try:
        login = Login(check_address(access.url), token, api_key)
    except ValueError as error:
        raise CycloptsError(msg=str(error)) from None

    async def connected() -> T:
        async with logged_in(login, _say, seconds) as account:
            return await work(account)

    return run_client(connected())


def _refusal(error: Any) -> str:
    code = f"refused ({error.reason})" if error.reason else error.code
    return f"{code}: {sentence(error.details)}" if error.details else f"{code}."


def _canceled(order_ids: list[str]) -> str:
    return "\n".join(f"canceled {order_id}" for order_id in order_ids) or "Nothing was open."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    return text_table(head, rows) if rows else empty


def _say(text: str) -> None:
    print(f"finalex: {text}.", file=sys.stderr, flush=True)
