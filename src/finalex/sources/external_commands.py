"""Commands as an external engine is asked to carry them out, and its answers: JSON, with decimal text."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, structs

from finalex.exchange.outcomes import DeclineReason
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState
from finalex.sources.external_events import EVENTS_MAX, NUMBER_MAX, VERSION

ANSWER_BYTES_MAX = 256 << 10


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """What an engine is asked; one that is not carried out by `deadline_ms` must never be."""

    version: int = VERSION
    deadline_ms: int


class PlaceOrderRequest(CommandRequest, frozen=True, kw_only=True, tag="place_order"):
    """Place an order; `price` is null for a market order. A `client_order_id` is never carried out twice."""

    user: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    quantity: str
    price: str | None
    client_order_id: str | None


class CancelOrderRequest(CommandRequest, frozen=True, kw_only=True, tag="cancel_order"):
    """Cancel an open order of `user`, named by one of its two ids; `always`: in a halted market, too."""

    user: str
    order: int | None
    client_order_id: str | None
    always: bool


class CancelAllOrdersRequest(CommandRequest, frozen=True, kw_only=True, tag="cancel_all_orders"):
    """Cancel all open orders of `user`, of one symbol or, with null, of all."""

    user: str
    symbol: str | None


class BookingRequest(CommandRequest, frozen=True, kw_only=True):
    """Move `amount` between outside and an account, once for each `reference` of the account."""

    user: str
    currency: str
    amount: str
    reference: str


class CreditRequest(BookingRequest, frozen=True, kw_only=True, tag="credit"):
    """Add to an account: an operator asks for it."""


class DebitRequest(BookingRequest, frozen=True, kw_only=True, tag="debit"):
    """Take from an account: an operator asks for it."""


class MarketStateRequest(CommandRequest, frozen=True, kw_only=True, tag="set_market_state"):
    """Put a market into a state: an operator asks for it."""

    symbol: str
    state: MarketState
    reason: str


Number = Annotated[int, Meta(ge=1, le=NUMBER_MAX)]


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome"):
    """What became of a command. `sequence` is the stream sequence of the message with all the events it led to."""


class Accepted(Answer, frozen=True, kw_only=True, tag="accepted"):
    """The order was accepted, now or when its `client_order_id` was first seen."""

    order: Number
    sequence: Number


class Rejected(Answer, frozen=True, kw_only=True, tag="rejected"):
    """The order was refused; with its number and `sequence` if that was an event, too."""

    reason: RejectReason
    order: Number | None = None
    sequence: Number | None = None


class CanceledOrders(Answer, frozen=True, kw_only=True, tag="canceled"):
    """These orders are canceled, oldest first; without any, there is no `sequence`."""

    orders: Annotated[list[Number], Meta(max_length=EVENTS_MAX)]
    sequence: Number | None = None


class Missing(Answer, frozen=True, kw_only=True, tag="not_found"):
    """The account has no such open order."""


class InHaltedMarket(Answer, frozen=True, kw_only=True, tag="market_halted"):
    """The order is in a halted market, and stays."""


class Carried(Answer, frozen=True, kw_only=True, tag="done"):
    """The booking or the market's state is done: now, at `sequence`, or `earlier`."""

    sequence: Number | None = None
    earlier: bool = False


class NotBooked(Answer, frozen=True, kw_only=True, tag="declined"):
    """The booking is not done."""

    reason: DeclineReason


class Away(Answer, frozen=True, kw_only=True, tag="unavailable"):
    """The engine takes no commands for now; nothing happened, and nothing will."""


AnyAnswer = Accepted | Rejected | CanceledOrders | Missing | InHaltedMarket | Carried | NotBooked | Away

REQUESTS: tuple[type[CommandRequest], ...] = (
    PlaceOrderRequest,
    CancelOrderRequest,
    CancelAllOrdersRequest,
    CreditRequest,
    DebitRequest,
    MarketStateRequest,
)
ANSWERS: tuple[type[Answer], ...] = (
    *(Accepted, Rejected, CanceledOrders, Missing),
    *(InHaltedMarket, Carried, NotBooked, Away),
)

_answers = msgspec.json.Decoder(AnyAnswer)

FITTING: dict[type[CommandRequest], tuple[type[Answer], ...]] = {
    PlaceOrderRequest: (Accepted, Rejected, Away),
    CancelOrderRequest: (CanceledOrders, Missing, InHaltedMarket, Away),
    CancelAllOrdersRequest: (CanceledOrders, Away),
    CreditRequest: (Carried, NotBooked, Away),
    DebitRequest: (Carried, NotBooked, Away),
    MarketStateRequest: (Carried, Away),
}
"""The answers that each command can have."""


class BadAnswerError(ValueError):
    """An answer cannot be understood, or does not go with its command; the text says why."""


def ask(command: Command, order: int | None, deadline_ms: int, instruments: Instruments) -> CommandRequest:
    """Return what an engine is asked for `command`; `order` is the number of the order that a cancel names by id."""
    given: dict[str, Any] = structs.asdict(command)
    match command:
        case PlaceOrder():
            instrument = instruments[command.symbol]
            market = command.type is OrderType.MARKET
            given["quantity"] = instrument.quantity_text(command.quantity)
            given["price"] = None if market else instrument.price_text(command.price)
        case CancelOrder():
            del given["order_id"]
            given["order"] = order
        case Credit() | Debit():
            given["amount"] = format_units(command.amount, AMOUNT_DECIMALS)
    return _SHAPES[type(command)](**given, deadline_ms=deadline_ms)


_SHAPES: dict[type[Command], Callable[..., CommandRequest]] = {
    PlaceOrder: PlaceOrderRequest,
    CancelOrder: CancelOrderRequest,
    CancelAllOrders: CancelAllOrdersRequest,
    Credit: CreditRequest,
    Debit: DebitRequest,
    SetMarketState: MarketStateRequest,
}


def encode_request(request: CommandRequest) -> bytes:
    """Return `request` as it travels."""
    return msgspec.json.encode(request)


def read_answer(data: bytes, request: CommandRequest) -> AnyAnswer:
    """Return the answer to `request`; raises `BadAnswerError`."""
    if len(data) > ANSWER_BYTES_MAX:
        raise BadAnswerError(f"it has {len(data)} bytes, more than {ANSWER_BYTES_MAX}")
    try:
        answer: AnyAnswer = _answers.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(str(error)[:300]) from None
    if not isinstance(answer, FITTING[type(request)]):
        raise BadAnswerError(f"'{answer.__struct_config__.tag}' is no answer to '{request.__struct_config__.tag}'")
    sequence = sequence_of(answer)
    if isinstance(answer, CanceledOrders) and answer.orders and sequence is None:
        raise BadAnswerError("'sequence' is missing: where the orders are canceled")
    if isinstance(answer, Rejected) and (answer.order is None) != (sequence is None):
        raise BadAnswerError("'order' and 'sequence' go together")
    return answer


def sequence_of(answer: AnyAnswer) -> int | None:
    """Return the stream sequence that must be taken in before the answer is true."""
    return getattr(answer, "sequence", None)
