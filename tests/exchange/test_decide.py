"""Cancels, known outcomes and the events themselves, and that deciding is pure."""

import pytest

from exchange.scenario import check_play
from exchange.venue import Venue
from finalex.exchange.decide import decide
from finalex.exchange.outcomes import Canceled, NotFound, Placed
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import OrderAccepted, OrderEnded, OrderRejected, OrderRested, Traded
from finalex.model.orders import EndReason, OrderType, Side, TimeInForce, order_id_text
from finalex.model.rejects import RejectReason

FUNDED = """
    credit ann 100 BTC
    credit ann 10000 USDT
    credit bob 100 BTC
    credit bob 10000 USDT
    credit bob 10 ETH
"""


def limit(user: str, side: Side, quantity: int, price: int, client_order_id: str | None = None) -> PlaceOrder:
    """An order for `quantity` BTC at `price` USDT."""
    return PlaceOrder(
        user=user,
        symbol="BTC/USDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=quantity * 10_000,
        price=price * 100,
        client_order_id=client_order_id,
    )


def test_an_order_is_canceled_by_its_client_order_id() -> None:
    check_play(f"""{FUNDED}
        ann x buy 1 @ 10        => new
        bob x buy 1 @ 11        => new
        ann cancel x            => canceled x
        book 1 @ 11 |
        ann cancel x            => not found
        ann cancel y            => not found
        nil cancel x            => not found
    """)


def test_a_filled_a_refused_and_an_expired_order_are_not_there_to_cancel() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 1 @ 10          => new
        bob b1 buy 1 @ 10           => 1 @ 10 with a1; filled
        bob b2 buy 1 @ 10 ioc       => expired unfilled
        bob b3 buy 1 market         => rejected no_liquidity
        ann cancel a1               => not found
        bob cancel b1               => not found
        bob cancel b2               => not found
        bob cancel b3               => not found
    """)


def test_all_orders_are_canceled_oldest_first() -> None:
    check_play(f"""{FUNDED}
        bob b3 buy 1 @ 12                   => new
        bob b1 buy 1 @ 10                   => new
        bob b2 sell 1 @ 13                  => new
        bob b4 sell 1 @ 90 on ETH/USDT      => new
        ann a1 buy 1 @ 11                   => new
        bob cancel all on ETH/USDT          => canceled b4
        bob cancel all                      => canceled b3 b1 b2
        bob cancel all                      => canceled
        nil cancel all                      => canceled
        book 1 @ 11 |
    """)


def test_an_order_is_canceled_by_its_own_id_and_by_its_own_user_only() -> None:
    venue = check_play(f"{FUNDED}\n ann - buy 1 @ 10 => new\n ann - buy 1 @ 11 => new")
    first, second = venue.state.open_orders("ann")
    other_time = order_id_text(first.number, first.created_ms + 1)
    for user, order_id in [
        ("bob", first.id),
        ("ann", other_time),
        ("ann", first.id.upper()),
        ("ann", first.id.replace("-", "")),
        ("ann", str(first.number)),
        ("ann", "x"),
        ("ann", ""),
    ]:
        assert venue.send(CancelOrder(user=user, order_id=order_id)) == ((), NotFound())
    events, outcome = venue.send(CancelOrder(user="ann", order_id=first.id))
    assert [type(event) for event in events] == [OrderEnded]
    assert isinstance(outcome, Canceled)
    assert [order.number for order in outcome.orders] == [first.number]
    assert venue.state.open_orders("ann") == [second]
    assert venue.send(CancelOrder(user="ann", order_id=first.id)) == ((), NotFound())


def test_a_cancel_that_names_no_order_finds_none() -> None:
    venue = check_play(f"{FUNDED}\n ann - buy 1 @ 10 => new")
    assert venue.send(CancelOrder(user="ann")) == ((), NotFound())


def test_a_client_order_id_seen_before_gives_the_first_outcome_as_it_is_now() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 10          => new
        ann a1 buy 5 @ 99           => known; new
        bob b1 buy 1 @ 10           => 1 @ 10 with a1; filled
        ann a1 sell 2 @ 10          => known; partially_filled
        bob b1 buy 1 @ 10           => known; filled
        ann cancel a1               => canceled a1
        ann a1 sell 2 @ 10          => known; canceled
        book |
    """)


def test_a_refusal_and_an_expiry_are_known_outcomes_too() -> None:
    check_play(f"""{FUNDED}
        bob b1 buy 1 market         => rejected no_liquidity
        bob b2 buy 1 @ 10 fok       => expired unfilled
        ann a1 sell 5 @ 10          => new
        bob b1 buy 1 market         => known; rejected no_liquidity
        bob b2 buy 1 @ 10 fok       => known; expired unfilled
        nil n1 buy 1 @ 10           => rejected insufficient_funds
        credit nil 10 USDT
        nil n1 buy 1 @ 10           => known; rejected insufficient_funds
        nil n2 buy 1 @ 10           => 1 @ 10 with a1; filled
    """)


def test_users_may_choose_the_same_client_order_ids() -> None:
    check_play(f"""{FUNDED}
        ann x buy 1 @ 10            => new
        bob x buy 1 @ 10            => new
    """)


def test_orders_without_a_client_order_id_are_all_different() -> None:
    check_play(f"""{FUNDED}
        ann - buy 1 @ 10            => new
        ann - buy 1 @ 10            => new
        book 2 @ 10 |
    """)


def test_refused_orders_use_up_a_number_as_well() -> None:
    venue = check_play(f"""{FUNDED}
        ann - buy 1 @ 10            => new
        ann - buy 1 market          => rejected no_liquidity
        ann - buy 1 @ 10            => new
    """)
    assert [order.number for order in venue.state.open_orders("ann")] == [1, 3]
    assert venue.state.next_order == 4


def test_trades_are_counted_per_symbol() -> None:
    venue = check_play(f"""{FUNDED}
        ann - sell 1 @ 10               => new
        ann - sell 1 @ 11               => new
        bob - sell 1 @ 10 on ETH/USDT   => new
        bob b1 buy 2 @ 11               => 1 @ 10 with -; 1 @ 11 with -; filled
        ann a1 buy 1 @ 10 on ETH/USDT   => 1 @ 10 with -; filled
    """)
    trades = [(event.symbol, event.trade) for event in venue.events if isinstance(event, Traded)]
    assert trades == [("BTC/USDT", 1), ("BTC/USDT", 2), ("ETH/USDT", 1)]
    assert venue.state.next_trade("BTC/USDT") == 3
    assert venue.state.next_trade("ETH/USDT") == 2


def entry(order: PlaceOrder, number: int, locked: int, now_ms: int) -> OrderAccepted:
    """The event with which an order enters."""
    return OrderAccepted(
        order=number,
        user=order.user,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        price=order.price,
        quantity=order.quantity,
        locked=locked,
        client_order_id=order.client_order_id,
        time_ms=now_ms,
    )


def trade(number: int, price: int, maker: int, taker: int, now_ms: int) -> Traded:
    """The event of bob taking 1 BTC from ann."""
    return Traded(
        symbol="BTC/USDT",
        trade=number,
        price=price,
        quantity=10_000,
        side=Side.BUY,
        time_ms=now_ms,
        maker_order=maker,
        taker_order=taker,
        maker="ann",
        taker="bob",
    )


def test_the_events_of_an_order_are_its_entry_its_trades_and_what_becomes_of_the_rest() -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 1 @ 10 => new\n ann a2 sell 1 @ 11 => new")
    command = limit("bob", Side.BUY, 3, 11, "b1")
    events, outcome = venue.send(command)
    assert events == (
        entry(command, 3, 33 * 10**8, venue.now_ms),
        trade(1, 1000, 1, 3, venue.now_ms),
        trade(2, 1100, 2, 3, venue.now_ms),
        OrderRested(order=3, symbol="BTC/USDT", side=Side.BUY, price=1100, quantity=10_000, time_ms=venue.now_ms),
    )
    assert isinstance(outcome, Placed)
    assert outcome.order.filled_value == 10_000 * 1000 + 10_000 * 1100


def test_a_cancel_is_one_event() -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 3 @ 10 => new\n bob b1 buy 1 @ 10 => 1 @ 10 with a1; filled")
    events, _ = venue.send(CancelOrder(user="ann", client_order_id="a1"))
    assert events == (
        OrderEnded(
            order=1,
            user="ann",
            symbol="BTC/USDT",
            side=Side.SELL,
            price=1000,
            quantity=20_000,
            rested=True,
            reason=EndReason.CANCELED,
            time_ms=venue.now_ms,
        ),
    )


def test_a_refusal_is_one_event() -> None:
    venue = Venue()
    events, _ = venue.send(limit("ann", Side.SELL, 1, 10, "a1"))
    assert [type(event) for event in events] == [OrderRejected]
    assert events[0] == OrderRejected(
        order=1,
        user="ann",
        symbol="BTC/USDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        price=1000,
        quantity=10_000,
        client_order_id="a1",
        reason=RejectReason.INSUFFICIENT_FUNDS,
        time_ms=venue.now_ms,
    )


def test_a_symbol_must_be_one_that_is_traded_here() -> None:
    command = PlaceOrder(user="ann", symbol="XRP/USDT", side=Side.BUY, type=OrderType.MARKET, quantity=1)
    with pytest.raises(KeyError):
        Venue().send(command)


@pytest.mark.parametrize(
    "command",
    [
        limit("bob", Side.BUY, 3, 12),
        limit("bob", Side.BUY, 3, 9),
        limit("nil", Side.BUY, 3, 9, "refused"),
        CancelAllOrders(user="ann"),
        CancelOrder(user="ann", client_order_id="a1"),
        Credit(user="new", currency="BTC", amount=5, reference="r"),
    ],
)
def test_deciding_changes_nothing_and_always_decides_the_same(command: Command) -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 1 @ 10 => new\n ann a2 sell 1 @ 11 => new")
    before = venue.state.state_hash()
    assert decide(venue.state, command, 5_000) == decide(venue.state, command, 5_000) != ()
    assert venue.state.state_hash() == before


def test_two_exchanges_with_the_same_commands_are_the_same() -> None:
    script = f"""{FUNDED}
        ann a1 sell 2 @ 10          => new
        bob b1 buy 1 @ 10           => 1 @ 10 with a1; filled
        bob b2 buy 1 market         => 1 @ 10 with a1; filled
        bob b3 buy 1 market         => rejected no_liquidity
        bob b4 buy 1 @ 5            => new
    """
    first, second = check_play(script), check_play(script)
    assert first.events == second.events
    assert first.state.state_hash() == second.state.state_hash() != ExchangeState(first.instruments).state_hash()
