"""An operator without a socket, over an exchange whose log is durable at once."""

from dataclasses import dataclass, field

from admin.desk import STATUS, Exchange
from finalex.admin.messages import (
    AnyRequest,
    BookedReply,
    CreditAccount,
    DebitAccount,
    ErrorCode,
    ErrorReply,
    Reply,
)
from finalex.admin.operator import Operator
from finalex.session.auth import Revocation


@dataclass
class Office:
    """The operator, and what its requests led to."""

    exchange: Exchange = field(default_factory=Exchange)
    closed: list[Revocation] = field(default_factory=list)
    audited: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.operator = Operator(self.exchange.seen, self.exchange, self._close, lambda: STATUS, self)

    def record(self, event: str, **fields: object) -> None:
        """See `AuditLog.record`."""
        self.audited.append((event, {name: value for name, value in fields.items() if value is not None}))

    def _close(self, revocation: Revocation) -> int:
        self.closed.append(revocation)
        return len(self.closed)

    async def ask(self, request: AnyRequest) -> Reply:
        """Return the reply."""
        return await self.operator.handle(request)

    async def credit(
        self, user: str = "alice", currency: str = "BTC", amount: str = "1", reference: str = "r"
    ) -> Reply:
        request = CreditAccount(user=user, currency=currency, amount=amount, reference=reference)
        return await self.ask(request)

    async def debit(self, user: str = "alice", currency: str = "BTC", amount: str = "1", reference: str = "r") -> Reply:
        request = DebitAccount(user=user, currency=currency, amount=amount, reference=reference)
        return await self.ask(request)

    def available(self, user: str = "alice", currency: str = "BTC") -> int:
        return self.exchange.seen.available(user, currency)


def error(reply: Reply) -> tuple[ErrorCode, str]:
    assert isinstance(reply, ErrorReply)
    return reply.code, reply.message


def booked(reply: Reply) -> BookedReply:
    assert isinstance(reply, BookedReply)
    return reply
