"""The answer to whoever sent a command."""

import pytest

from exchange.scenario import check_play
from exchange.venue import Venue
from finalex.exchange.engine import outcome_of
from finalex.exchange.outcomes import Canceled, NotFound, Placed, Refused
from finalex.model.commands import CancelAllOrders, CancelOrder, PlaceOrder
from finalex.model.orders import EndReason, OrderStatus, OrderType, Side
from finalex.model.rejects import RejectReason


def order(user: str, side: Side, price: int, client_order_id: str | None = None) -> PlaceOrder:
    """An order for 1 BTC."""
    return PlaceOrder(
        user=user,
        symbol="BTC/USDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=10_000,
        price=price * 100,
        client_order_id=client_order_id,
    )


@pytest.fixture
def venue() -> Venue:
    return check_play("credit ann 5 BTC\n credit ann 500 USDT\n credit bob 5 BTC\n credit bob 500 USDT")


def test_a_placed_order_is_answered_as_it_stands_after_its_command(venue: Venue) -> None:
    _, outcome = venue.send(order("ann", Side.SELL, 100))
    assert isinstance(outcome, Placed)
    assert (outcome.order.number, outcome.order.status) == (1, OrderStatus.NEW)
    _, outcome = venue.send(order("bob", Side.BUY, 100))
    assert isinstance(outcome, Placed)
    assert (outcome.order.number, outcome.order.status) == (2, OrderStatus.FILLED)


def test_an_expired_order_was_placed(venue: Venue) -> None:
    venue.send(order("ann", Side.SELL, 100))
    _, outcome = venue.send(order("ann", Side.BUY, 100))
    assert isinstance(outcome, Placed)
    assert (outcome.order.status, outcome.order.reason) == (OrderStatus.EXPIRED, EndReason.SELF_TRADE)


def test_a_refused_order_is_answered_with_its_reason(venue: Venue) -> None:
    _, outcome = venue.send(order("ann", Side.BUY, 501))
    assert isinstance(outcome, Refused)
    assert (outcome.order.status, outcome.order.reason) == (OrderStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS)


def test_a_repeated_order_is_answered_with_the_first_ones_present_state(venue: Venue) -> None:
    venue.send(order("ann", Side.SELL, 100, "x"))
    venue.send(order("bob", Side.BUY, 100))
    events, outcome = venue.send(order("ann", Side.SELL, 100, "x"))
    assert events == ()
    assert isinstance(outcome, Placed)
    assert (outcome.order.number, outcome.order.status) == (1, OrderStatus.FILLED)


def test_a_repeated_refused_order_is_refused_again(venue: Venue) -> None:
    _, first = venue.send(order("ann", Side.BUY, 501, "x"))
    assert venue.send(order("ann", Side.BUY, 100, "x")) == ((), first)
    assert isinstance(first, Refused)


def test_canceled_orders_are_answered_as_they_ended(venue: Venue) -> None:
    venue.send(order("ann", Side.SELL, 100, "x"))
    venue.send(order("ann", Side.SELL, 101, "y"))
    venue.send(order("ann", Side.BUY, 50, "z"))
    _, outcome = venue.send(CancelOrder(user="ann", client_order_id="y"))
    assert isinstance(outcome, Canceled)
    assert [(o.client_order_id, o.status, o.locked) for o in outcome.orders] == [("y", OrderStatus.CANCELED, 0)]
    _, outcome = venue.send(CancelAllOrders(user="ann"))
    assert isinstance(outcome, Canceled)
    assert [o.client_order_id for o in outcome.orders] == ["x", "z"]


def test_nothing_to_cancel_is_not_found_for_one_order_and_no_order_for_all(venue: Venue) -> None:
    assert venue.send(CancelOrder(user="ann", client_order_id="x")) == ((), NotFound())
    assert venue.send(CancelAllOrders(user="ann")) == ((), Canceled(()))


def test_an_order_that_left_no_trace_has_no_outcome(venue: Venue) -> None:
    with pytest.raises(ValueError, match="no order"):
        outcome_of(venue.state, order("ann", Side.BUY, 1, "x"), [], [])
