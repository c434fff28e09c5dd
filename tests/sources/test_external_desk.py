"""Orders on their way to an external engine, and what its answers mean."""

import asyncio
import gc
from typing import Any

import pytest

from finalex.exchange.outcomes import (
    Canceled,
    Declined,
    Done,
    Failed,
    Frozen,
    NotFound,
    Outcome,
    Placed,
    Refused,
    Unavailable,
)
from finalex.exchange.state import ExchangeState
from finalex.log.port import LogProblem
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, SetMarketState
from finalex.model.orders import OrderStatus
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState
from finalex.sources.external_desk import Desk
from support.external import PositionedLog, StoredMessages, message
from support.external_node import (
    INSTRUMENTS,
    NOW_MS,
    TIMEOUT_MS,
    Node,
    Venue,
    accepted,
    credit,
    ended,
    leading,
    place,
    rested,
)


async def test_an_accepted_order_is_answered_once_its_events_are_durable() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1)], NOW_MS))
        await node.looked_at(1)
        node.venue.answers(outcome="accepted", order=7, sequence=2)
        outcome = asyncio.create_task(node.outcome(place("c1")))
        for _ in range(10):
            await asyncio.sleep(0)
        node.log.hold()
        node.stream.publish(message([accepted(7, "c1"), rested(7)], NOW_MS))
        await node.looked_at(2)
        assert not outcome.done()
        node.log.heal()
        placed = await outcome

    assert isinstance(placed, Placed)
    assert (placed.order.number, placed.order.status, placed.order.client_order_id) == (7, OrderStatus.NEW, "c1")
    assert node.venue.asked == [
        {
            "command": "place_order",
            "version": 1,
            "deadline_ms": NOW_MS + TIMEOUT_MS,
            "user": "ann",
            "symbol": "ETH/USDT",
            "side": "buy",
            "type": "limit",
            "time_in_force": "GTC",
            "post_only": False,
            "quantity": "2",
            "price": "10",
            "client_order_id": "c1",
        }
    ]


async def test_an_answer_may_come_long_after_its_events_and_tells_the_order_as_it_was_then() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1), accepted(7), rested(7)], NOW_MS))
        node.stream.publish(message([ended(7)], NOW_MS))
        await node.looked_at(2)
        node.venue.answers(outcome="accepted", order=7, sequence=1)
        placed = await node.outcome(place())

    assert isinstance(placed, Placed)
    assert placed.order.status is OrderStatus.NEW


async def test_a_client_order_id_seen_before_is_answered_from_the_log() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1), accepted(7, "c1"), rested(7)], NOW_MS))
        node.stream.publish(message([ended(7)], NOW_MS))
        await node.looked_at(2)
        placed = await node.outcome(place("c1"))

    assert isinstance(placed, Placed)
    assert placed.order.status is OrderStatus.CANCELED
    assert node.venue.asked == []


async def test_a_cancel_names_the_order_by_its_number() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1), accepted(7), rested(7)], NOW_MS))
        node.stream.publish(message([ended(7)], NOW_MS))
        await node.looked_at(1)
        order = node.state.order(7)
        assert order is not None
        node.venue.answers(outcome="canceled", orders=[7], sequence=2)
        outcome = await node.outcome(CancelOrder(user="ann", order_id=order.id))
        again = await node.outcome(CancelOrder(user="ann", order_id=order.id))

    assert isinstance(outcome, Canceled)
    assert [(each.number, each.status) for each in outcome.orders] == [(7, OrderStatus.CANCELED)]
    assert isinstance(again, NotFound)
    assert [(each["command"], each["order"]) for each in node.venue.asked] == [("cancel_order", 7)]


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        (CancelAllOrders(user="ann"), {"outcome": "canceled", "orders": []}, Canceled(())),
        (CancelOrder(user="ann", client_order_id="x"), {"outcome": "not_found"}, NotFound()),
        (CancelOrder(user="ann", client_order_id="x"), {"outcome": "market_halted"}, Frozen()),
        (Credit(user="ann", currency="BTC", amount=5, reference="r"), {"outcome": "done", "sequence": 1}, Done()),
        (Credit(user="ann", currency="BTC", amount=5, reference="r"), {"outcome": "done", "earlier": True}, Done(True)),
        (SetMarketState(symbol="ETH/USDT", state=MarketState.HALTED), {"outcome": "done"}, Done()),
        (place(), {"outcome": "unavailable"}, Unavailable()),
        (place(), {"outcome": "accepted", "order": 9, "sequence": 1}, Failed()),
        (place(), {"outcome": "accepted", "order": 9, "sequence": 2}, Failed()),
        (place(), {"outcome": "not_found"}, Failed()),
        (place(), {"outcome": "accepted"}, Failed()),
        (place(), {"outcome": "perhaps"}, Failed()),
        (CancelAllOrders(user="ann"), {"outcome": "canceled", "orders": [3]}, Failed()),
    ],
)
async def test_an_answer_becomes_the_outcome_if_it_can_be_one(
    command: Command, answer: dict[str, object], expected: Outcome
) -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1)], NOW_MS))
        node.stream.publish(b"nonsense")
        await node.looked_at(2)
        node.venue.answers(**answer)

        assert await node.outcome(command) == expected


async def test_a_refusal_needs_no_event() -> None:
    async with leading() as node:
        node.venue.answers(outcome="rejected", reason="insufficient_funds")
        refused = await node.outcome(place())
        node.venue.answers(outcome="declined", reason="insufficient_funds")
        declined = await node.outcome(Credit(user="ann", currency="BTC", amount=5, reference="r"))

    assert isinstance(refused, Refused)
    assert refused.order.reason is RejectReason.INSUFFICIENT_FUNDS
    assert isinstance(declined, Declined)


async def test_without_an_engine_that_takes_orders_they_are_refused_at_once() -> None:
    async with leading() as node:
        assert isinstance(await node.outcome(place()), Unavailable)
        node.log.refuse(LogProblem.DISK_FULL)
        assert isinstance(await node.outcome(place()), Unavailable)

    assert len(node.venue.asked) == 1


async def test_without_an_answer_in_time_nobody_knows() -> None:
    async with leading(timeout_ms=1) as node:

        async def never(_request: dict[str, Any]) -> bytes:
            await asyncio.Event().wait()
            return b""

        node.venue.answer = never
        assert isinstance(await node.outcome(place()), Failed)
        node.venue.answers(outcome="accepted", order=9, sequence=100)
        assert isinstance(await node.outcome(place()), Failed)


async def test_what_is_under_way_when_the_source_ends_is_not_known() -> None:
    outcomes: list[Outcome] = []
    async with leading() as node:
        node.venue.answers(outcome="accepted", order=9, sequence=100)
        node.source.submit(place(), outcomes.append)
        for _ in range(5):
            await asyncio.sleep(0)
        assert outcomes == []

    assert outcomes == [Failed()]
    assert node.stream.closed
    assert node.venue.closed


async def test_a_command_may_be_given_up_in_the_moment_in_which_its_message_is_taken_in() -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    outcomes: list[Outcome] = []
    venue = Venue()
    venue.answers(outcome="accepted", order=9, sequence=100)
    desk = Desk(ExchangeState(INSTRUMENTS), PositionedLog(), lambda: NOW_MS, venue, TIMEOUT_MS, 0)
    desk.submit(place(), outcomes.append)
    for _ in range(5):
        await asyncio.sleep(0)
    desk.note(100, None, {})
    desk.close(Failed())
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()

    assert outcomes == [Failed()]
    assert failures == []


def test_accounts_are_the_engines_business() -> None:
    node = Node(PositionedLog(), StoredMessages())
    node.source.open_account("ann")

    assert node.log.sequence == 0
    assert not ExchangeState(INSTRUMENTS).exists("ann")
