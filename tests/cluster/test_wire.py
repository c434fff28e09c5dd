"""What gateways and engines send each other."""

import pytest

from finalex.cluster.wire import (
    CommandBatch,
    OpenAccount,
    OutcomeBatch,
    SentCommand,
    SentOutcome,
    WireError,
    decode_commands,
    decode_outcomes,
    encode_commands,
    encode_outcomes,
)
from finalex.exchange.order import Order
from finalex.exchange.outcomes import (
    Canceled,
    Declined,
    DeclineReason,
    Done,
    Failed,
    Frozen,
    NotFound,
    Outcome,
    Placed,
    Refused,
    TooFast,
    Unavailable,
)
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.orders import EndReason, OrderStatus, OrderType, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState

COMMANDS: list[Command | OpenAccount] = [
    PlaceOrder(
        user="zoë 🐟",
        symbol="BTC/USDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        quantity=10**15,
        price=1,
        time_in_force=TimeInForce.FOK,
        post_only=True,
        client_order_id='"\\ 1',
    ),
    CancelOrder(user="alice", order_id="x", always=True),
    CancelOrder(user="alice", client_order_id="y"),
    CancelAllOrders(user="alice", symbol="ETH/BTC"),
    Credit(user="alice", currency="BTC", amount=10**30, reference="r"),
    Debit(user="alice", currency="BTC", amount=1, reference="r"),
    SetMarketState(symbol="BTC/USDT", state=MarketState.CANCEL_ONLY, reason="why"),
    OpenAccount(user="bob"),
]

ORDER = Order(
    number=2**62,
    user="alice",
    symbol="BTC/USDT",
    side=Side.BUY,
    type=OrderType.MARKET,
    time_in_force=TimeInForce.IOC,
    post_only=False,
    price=0,
    quantity=10**15,
    client_order_id=None,
    status=OrderStatus.EXPIRED,
    reject_reason=RejectReason.MARKET_HALTED,
    end_reason=EndReason.UNFILLED,
    filled_value=10**40,
    created_ms=1,
    updated_ms=2,
)

OUTCOMES: list[Outcome] = [
    Placed(ORDER),
    Refused(ORDER),
    Canceled((ORDER, ORDER)),
    Canceled(()),
    Frozen(),
    NotFound(),
    Done(earlier=True),
    Declined(DeclineReason.BALANCE_TOO_LARGE),
    TooFast(100),
    Unavailable(),
    Failed(),
]


def test_every_kind_of_command_travels_unchanged() -> None:
    items = [SentCommand(number, 1_700_000_000_000, command) for number, command in enumerate(COMMANDS)]
    batch = CommandBatch(gateway="g1", reply_to="finalex.main.replies.g1-a", items=items)

    assert decode_commands(encode_commands(batch)) == batch


def test_every_kind_of_outcome_travels_unchanged_with_amounts_of_any_size() -> None:
    batch = OutcomeBatch(sequence=7, items=[SentOutcome(*numbered) for numbered in enumerate(OUTCOMES)])

    assert decode_outcomes(encode_outcomes(batch)) == batch


def test_what_a_later_release_adds_is_passed_over() -> None:
    data = b'{"sequence":7,"new":1,"items":[[1,{"outcome":"Done","earlier":false,"new":{"a":[]}}]]}'

    assert decode_outcomes(data) == OutcomeBatch(sequence=7, items=[SentOutcome(1, Done())])


BROKEN = [b"", b"\xff\xfe", b"{}", b"[]", b'{"sequence":1,"items":[[1]]}', b'{"a":' + b"[" * 100_000]


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:20]))
def test_what_is_no_message_is_one_error(data: bytes) -> None:
    with pytest.raises(WireError, match="cannot be understood"):
        decode_commands(data)
    with pytest.raises(WireError, match="cannot be understood"):
        decode_outcomes(data)


def test_a_command_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(WireError, match="Halve"):
        decode_commands(b'{"gateway":"g","reply_to":"r","items":[[1,2,{"command":"Halve","user":"alice"}]]}')
