"""The admin protocol: one JSON object a line, requests one way and replies the other, in the same order.

A request is told by its `request`, a reply by its `reply`; amounts are decimal text. A new request is a struct here,
a reply for it, and a case in `Operator.handle`; the server and its socket know nothing of them.
"""

from enum import StrEnum
from typing import TypeVar

import msgspec

from finalex.model.states import MarketState

LINE_BYTES_MAX = 4096
"""The longest request, with the end of its line."""

REFERENCE_LENGTH_MAX = 64
MARKET_REASON_LENGTH_MAX = 200

ReplyT = TypeVar("ReplyT", bound="Reply")


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", forbid_unknown_fields=True):
    """What the operator asks for."""


class ShowAccount(Request, frozen=True, kw_only=True, tag="show_account"):
    """What does `user` have? Answered with an `AccountReply`."""

    user: str


class ChangeAccount(Request, frozen=True, kw_only=True):
    """Move `amount` between outside and what `user` has of `currency`. Answered with a `BookedReply`, once durable.

    A repeated `reference` (of this account) does nothing and is answered as the first time; with anything else than
    the first time it is an error.
    """

    user: str
    currency: str
    amount: str
    reference: str


class CreditAccount(ChangeAccount, frozen=True, kw_only=True, tag="credit_account"):
    """Into the account, which is opened if there was none."""


class DebitAccount(ChangeAccount, frozen=True, kw_only=True, tag="debit_account"):
    """Out of what is available there."""


class CloseKey(Request, frozen=True, kw_only=True, tag="close_key"):
    """The API key with the id `key` was revoked: end the connections it opened. Answered with a `ClosedReply`.

    If it is worthless only `from_ms` on, which is still to come, they end then.
    """

    key: str
    from_ms: int = 0


class CloseToken(Request, frozen=True, kw_only=True, tag="close_token"):
    """A token was revoked, or those of a user issued up to a time: end the connections they opened.

    Either `token` names one by its `jti`, or `user` a person. Answered with a `ClosedReply`.
    """

    token: str | None = None
    user: str | None = None
    issued_until_ms: int = 0


class SetMarket(Request, frozen=True, kw_only=True, tag="set_market"):
    """Put one market, or with `None` all of them, into a state. Answered with a `MarketsReply`, once durable.

    Everybody can read the `reason` on the channel `status`.
    """

    symbol: str | None
    state: MarketState
    reason: str = ""


class ShowMarkets(Request, frozen=True, kw_only=True, tag="show_markets"):
    """In which state is each market? Answered with a `MarketsReply`."""


class ShowStatus(Request, frozen=True, kw_only=True, tag="show_status"):
    """How is the server? Answered with a `StatusReply`."""


AnyRequest = ShowAccount | CreditAccount | DebitAccount | CloseKey | CloseToken | SetMarket | ShowMarkets | ShowStatus


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply"):
    """What the server answers."""


class BalanceText(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has of one currency, as decimal text with 8 decimals."""

    currency: str
    available: str
    locked: str
    total: str


class AccountReply(Reply, frozen=True, kw_only=True, tag="account"):
    """An account as it is in the log: every balance it ever had, and how many of its orders are open."""

    user: str
    balances: tuple[BalanceText, ...]
    open_orders: int


class BookedReply(Reply, frozen=True, kw_only=True, tag="booked"):
    """A credit or debit is done and durable; `balance` is what the account has of the currency right after.

    `earlier` tells that it was done when its reference was first used, and that nothing was done now.
    """

    user: str
    amount: str
    reference: str
    earlier: bool
    balance: BalanceText


class ClosedReply(Reply, frozen=True, kw_only=True, tag="closed"):
    """So many connections were closed."""

    connections: int


class MarketText(msgspec.Struct, frozen=True, kw_only=True):
    """A market, its state, and the operator's reason for it."""

    symbol: str
    state: MarketState
    reason: str


class MarketsReply(Reply, frozen=True, kw_only=True, tag="markets"):
    """These markets are in these states."""

    markets: tuple[MarketText, ...]


class StatusReply(Reply, frozen=True, kw_only=True, tag="status"):
    """How the server is: `sequence` and `time_ms` are the log's, `problem` is why the log takes no events."""

    version: str
    process: int
    source: str
    sequence: int
    time_ms: int
    problem: str | None
    connections: int
    uptime_ms: int


class ErrorCode(StrEnum):
    """Why there is no other reply."""

    INVALID_REQUEST = "invalid_request"
    """It cannot be understood, or something in it is not allowed."""
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    DECLINED = "declined"
    """It was understood, and nothing was done."""
    BUSY = "busy"
    FAILED = "failed"
    """Whether it was done is not known."""


class ErrorReply(Reply, frozen=True, kw_only=True, tag="error"):
    """Why there is no other reply; `message` is a sentence for the operator."""

    code: ErrorCode
    message: str


AnyReply = AccountReply | BookedReply | ClosedReply | MarketsReply | StatusReply | ErrorReply

_request_decoder = msgspec.json.Decoder(AnyRequest)
_encoder = msgspec.json.Encoder()


class InvalidMessageError(ValueError):
    """A line that is no message; the text says what is wrong with it."""


def encode(message: Request | Reply) -> bytes:
    """Return a message as a line."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> AnyRequest:
    """Return the request that a line holds; raises `InvalidMessageError`."""
    try:
        request: AnyRequest = _request_decoder.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidMessageError(str(error)) from None
    return request


def decode_reply(line: bytes, expected: type[ReplyT]) -> ReplyT | ErrorReply:
    """Return the reply that a line holds, if it is the one expected or an error; else raises `InvalidMessageError`."""
    try:
        return msgspec.json.decode(line, type=expected | ErrorReply)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidMessageError(str(error)) from None
