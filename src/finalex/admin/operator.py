"""The operator: carries out admin requests on the running exchange."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from finalex.admin.instructions import RefusedError, booking_command, check_account
from finalex.admin.messages import (
    AccountReply,
    AnyRequest,
    BookedReply,
    ChangeAccount,
    ClosedReply,
    CloseKey,
    CreditAccount,
    DebitAccount,
    ErrorCode,
    ErrorReply,
    Reply,
    ShowAccount,
    ShowStatus,
    StatusReply,
)
from finalex.admin.texts import amount_text, balance_text, decline_sentence
from finalex.exchange.accounts import Balance
from finalex.exchange.outcomes import Declined, Done, Outcome, Unavailable
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, Credit, Debit

_log = structlog.get_logger("finalex.admin")


class Venue(Protocol):
    """Where commands go: the source of the server."""

    @property
    def trading(self) -> bool:
        """Whether there are orders, and with them accounts."""
        ...

    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        """Carry out `command` and call `reply` with the outcome exactly once, when it is durable."""
        ...


class Operator:
    """Answers with accounts out of `state`, which is what clients see of the log, and sends commands to `venue`.

    `close_key` ends the connections of an API key, by its id, and returns how many; `status` tells how the server is.
    """

    def __init__(
        self,
        state: ExchangeState,
        venue: Venue,
        close_key: Callable[[str], int],
        status: Callable[[], StatusReply],
    ) -> None:
        self._state = state
        self._venue = venue
        self._close_key = close_key
        self._status = status

    async def handle(self, request: AnyRequest) -> Reply:
        """Carry out `request` and return the reply; that of a change comes when it is durable.

        Cancelling this does not call back what it has submitted.
        """
        try:
            match request:
                case ShowAccount(user=user):
                    return self._show(user)
                case CreditAccount() | DebitAccount():
                    return await self._book(request)
                case CloseKey(key=key):
                    return self._close(key)
                case ShowStatus():
                    return self._status()
        except RefusedError as refused:
            return ErrorReply(code=refused.code, message=str(refused))

    def _show(self, user: str) -> AccountReply:
        self._check_accounts()
        check_account(user, self._state)
        balances = self._state.balances(user).items()
        return AccountReply(
            user=user,
            balances=tuple(balance_text(currency, balance) for currency, balance in balances),
            open_orders=self._state.open_orders_count(user),
        )

    async def _book(self, request: ChangeAccount) -> BookedReply:
        self._check_accounts()
        command = booking_command(request, self._state)
        outcome, balance = await self._submit(command)
        _log.info(
            "operator_changed_account",
            command=type(command).__name__,
            user=command.user,
            currency=command.currency,
            amount=amount_text(command.amount),
            reference=request.reference,
            outcome=repr(outcome),
        )
        if isinstance(outcome, Declined):
            first = self._state.booking(command.user, command.reference)
            raise RefusedError(ErrorCode.DECLINED, decline_sentence(outcome.reason, request, balance, first))
        if isinstance(outcome, Unavailable):
            raise RefusedError(ErrorCode.DECLINED, "The exchange takes no changes at the moment: nothing was done.")
        if not isinstance(outcome, Done):
            raise RefusedError(ErrorCode.FAILED, "The exchange failed: whether it was done is not known.")
        return BookedReply(
            user=command.user,
            amount=amount_text(command.amount),
            reference=request.reference,
            earlier=outcome.earlier,
            balance=balance_text(command.currency, balance),
        )

    def _close(self, key: str) -> ClosedReply:
        closed = self._close_key(key)
        _log.info("operator_closed_key", connections=closed)
        return ClosedReply(connections=closed)

    def _check_accounts(self) -> None:
        if not self._venue.trading:
            raise RefusedError(ErrorCode.DECLINED, "This server plays recordings: it has no accounts.")

    async def _submit(self, command: Credit | Debit) -> tuple[Outcome, Balance]:
        """Return what became of `command`, and what the account has of its currency at that moment."""
        result: asyncio.Future[tuple[Outcome, Balance]] = asyncio.get_running_loop().create_future()

        def reply(outcome: Outcome) -> None:
            if not result.done():  # else whoever waited has gone
                result.set_result((outcome, self._state.balance(command.user, command.currency)))

        self._venue.submit(command, reply)
        return await result
