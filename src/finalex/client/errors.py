"""What can go wrong for somebody who uses the client."""

from dataclasses import dataclass


class ClientError(Exception):
    """Everything that the client raises on its own account."""


class ConnectionFailedError(ClientError):
    """The server cannot be reached, or refuses the handshake; `final` says that trying again is no use."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


class ConnectionClosedError(ClientError):
    """The connection has ended for good; `code` is the server's close code, `None` if the client itself closed."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class AuthenticationError(ConnectionClosedError):
    """The server does not take the credentials, or takes them no longer (close code 3000)."""


class RequestFailedError(ClientError):
    """The server refused a request; `code` and `details` are those of its `error`, `reason` that of a refused order."""

    def __init__(self, code: str, details: str, reason: str | None = None) -> None:
        super().__init__(f"{code}: {details}" if details else code)
        self.code = code
        self.details = details
        self.reason = reason


class OrderRejectedError(RequestFailedError):
    """The order was not placed: it breaks a rule, or the exchange takes none at the moment; `reason` says which.

    After `order_rate` and `exchange_unavailable` the same order may be sent again a little later.
    """


class CancelRejectedError(RequestFailedError):
    """Nothing was canceled, and open orders stay as they are; `reason` says why.

    `market_halted`: until the market is opened again; `exchange_unavailable`: try again later.
    """


class OutcomeUnknownError(ClientError, TimeoutError):
    """No outcome came in time: what was asked may or may not have been done.

    Asking again with the same `client_order_id` tells, and places no second order.
    """

    def __init__(self, method: str, client_order_id: str | None) -> None:
        super().__init__(f"'{method}' has no outcome yet (client_order_id {client_order_id!r})")
        self.method = method
        self.client_order_id = client_order_id


class UnreadableMessageError(ClientError, ValueError):
    """A message cannot be read, nor the one that came when it was asked for again.

    The client and the server do not speak the same version of the protocol, or something between them spoils it.
    """


@dataclass(frozen=True)
class Gap:
    """Messages of a subscription are missing here and cannot be had any more; `details` says what is known of them."""

    channel: str
    symbol: str
    details: str


class GapError(ClientError):
    """A subscription has come to a `gap`; the next step of the iteration goes on behind it."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(f"{gap.channel} {gap.symbol}".rstrip() + f": {gap.details}")
        self.gap = gap
