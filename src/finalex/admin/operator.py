"""The operator: carries out admin requests on the running exchange."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from finalex.admin.instructions import RefusedError, booking_command, check_account, market_commands
from finalex.admin.messages import (
    AccountReply,
    AnyRequest,
    BookedReply,
    ChangeAccount,
    ClosedReply,
    CloseKey,
    CloseToken,
    CreditAccount,
    DebitAccount,
    ErrorCode,
    ErrorReply,
    MarketsReply,
    MarketText,
    Reply,
    SetMarket,
    ShowAccount,
    ShowMarkets,
    ShowStatus,
    StatusReply,
)
from finalex.admin.texts import amount_text, balance_text, decline_sentence
from finalex.audit.log import AuditLog, NoAuditLog
from finalex.exchange.accounts import Balance
from finalex.exchange.outcomes import Declined, Done, Outcome, Unavailable
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, Credit, Debit, SetMarketState
from finalex.session.auth import Revocation

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

    `close_revoked` ends the connections of revoked credentials and returns how many; `status` tells how the server is.
    """

    def __init__(
        self,
        state: ExchangeState,
        venue: Venue,
        close_revoked: Callable[[Revocation], int],
        status: Callable[[], StatusReply],
        audit: AuditLog | None = None,
    ) -> None:
        self._state = state
        self._venue = venue
        self._close_revoked = close_revoked
        self._audit = audit or NoAuditLog()
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
                case CloseKey():
                    return self._close(Revocation(key_id=request.key, from_ms=request.from_ms))
                case CloseToken():
                    return self._close(
                        Revocation(token_id=request.token, user=request.user, issued_until_ms=request.issued_until_ms)
                    )
                case SetMarket():
                    return await self._set_market(request)
                case ShowMarkets():
                    return self._markets(self._state.instruments)
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
        told = {"user": command.user, "currency": command.currency, "amount": amount_text(command.amount)}
        self._audit.record(
            "account_changed",
            **told,
            command=type(command).__name__,
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

    def _close(self, revocation: Revocation) -> ClosedReply:
        closed = self._close_revoked(revocation)
        _log.info("operator_closed_revoked", connections=closed)
        whose = {"key": revocation.key_id, "jti": revocation.token_id, "user": revocation.user}
        self._audit.record("connections_closed", connections=closed, **whose)
        return ClosedReply(connections=closed)

    async def _set_market(self, request: SetMarket) -> MarketsReply:
        if not self._venue.trading:
            raise RefusedError(ErrorCode.DECLINED, "This server takes no orders: there is nothing to halt.")
        commands = market_commands(request, self._state)
        outcomes = await asyncio.gather(*(self._outcome(command) for command in commands))
        symbols = [command.symbol for command in commands]
        _log.info(
            "operator_set_market",
            symbols=symbols,
            state=request.state.value,
            reason=request.reason,
            done=sum(isinstance(outcome, Done) for outcome in outcomes),
        )
        told = {"symbols": symbols, "state": request.state.value, "reason": request.reason}
        self._audit.record("market_set", **told, done=all(isinstance(outcome, Done) for outcome in outcomes))
        if any(isinstance(outcome, Unavailable) for outcome in outcomes):
            raise RefusedError(ErrorCode.DECLINED, "The exchange takes no changes at the moment: nothing was done.")
        if not all(isinstance(outcome, Done) for outcome in outcomes):
            raise RefusedError(ErrorCode.FAILED, "The exchange failed: whether it was done is not known.")
        return self._markets(symbols)

    def _markets(self, symbols: Iterable[str]) -> MarketsReply:
        halts = [(symbol, self._state.halt(symbol)) for symbol in symbols]
        return MarketsReply(markets=tuple(MarketText(symbol=s, state=h.state, reason=h.reason) for s, h in halts))

    async def _outcome(self, command: SetMarketState) -> Outcome:
        result: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._venue.submit(command, lambda outcome: None if result.done() else result.set_result(outcome))
        return await result

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
