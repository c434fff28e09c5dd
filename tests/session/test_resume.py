"""Resuming after the last message seen: nothing is missing, nothing comes twice, whenever the connection dies."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.channels.journal import Memory
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from support.conversation import House
from support.resuming import SMALL, SYMBOLS, USERS, Reader, market, place, told, trade

SUBSCRIPTIONS: dict[str, dict[str, Any]] = {
    "trades": {"channel": "trades", "symbol": "BTC/USDT", "snapshot": 2},
    "orders": {"channel": "orders"},
    "orders of a symbol": {"channel": "orders", "symbol": "ETH/USDT"},
    "orders without the open ones": {"channel": "orders", "snapshot": False},
    "user_trades": {"channel": "user_trades", "snapshot": 2},
    "user_trades of a symbol": {"channel": "user_trades", "symbol": "ETH/USDT"},
}


PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(USERS),
    st.sampled_from(Side),
    st.sampled_from(SYMBOLS),
    st.integers(1, 3),
    st.integers(99, 101),
)
CANCEL = st.tuples(st.just("cancel"), st.sampled_from(USERS))
DIE = st.tuples(st.just("die"), st.floats(0, 1))
RECALL = st.tuples(st.just("recall"), st.integers(1, 3))
WAIT = st.tuples(st.just("wait"))
TRADES = st.tuples(st.just("trades"), st.integers(1, 6), st.sampled_from(SYMBOLS))
BEFORE = st.lists(st.one_of(PLACE, PLACE, CANCEL, TRADES), max_size=20)
STEPS = st.lists(st.one_of(PLACE, PLACE, CANCEL, TRADES, DIE, DIE, RECALL, WAIT), min_size=10, max_size=60)


def go(house: House, reader: Reader | None, step: tuple[Any, ...]) -> None:
    match step:
        case ("place", *order):
            place(house, *order)
        case ("trades", count, symbol):
            trade(house, count, symbol)
        case ("cancel", user):
            house.execute(CancelAllOrders(user=user))
        case ("die", share) if reader:
            reader.die(share)
        case ("recall", steps) if reader:
            reader.conversation.recall(steps)
        case ("wait",):
            house.advance(50)


@pytest.mark.parametrize("memory", [None, SMALL], ids=["from memory", "from the log beyond"])
@pytest.mark.parametrize("subscription", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
@given(before=BEFORE, steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_a_client_that_comes_back_reads_what_one_that_stayed_reads(
    subscription: dict[str, Any], memory: Memory | None, before: list[tuple[Any, ...]], steps: list[tuple[Any, ...]]
) -> None:
    house = market(memory)
    for step in before:
        go(house, None, step)
    house.archive.trim(house.desk.hub)
    for user in USERS:
        house.execute(CancelAllOrders(user=user))  # so that the next trades happen
    for symbol in SYMBOLS:
        trade(house, 3, symbol)  # what a snapshot has of the past is still in the log
    reader, stayed = Reader(house, **subscription), Reader(house, **subscription)
    for step in steps:
        go(house, reader, step)
    reader.conversation.recall()
    reader.take()
    stayed.take()
    assert told(reader.read) == told(stayed.read)
    assert all(data["resumed"] for data in reader.acknowledgements[1:])


@given(steps=st.lists(st.one_of(PLACE, CANCEL, TRADES), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_with_all_three_private_channels_the_next_number_is_always_one_more(steps: list[tuple[Any, ...]]) -> None:
    house = market()
    client = house.connect("alice")
    place(house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    items = [{"channel": channel} for channel in ("orders", "user_trades", "account")]
    _, *opening = client.request("subscribe", subscriptions=items)
    (number,) = {message["data"]["sequence"] for message in opening}
    before = len(client.seen)
    for step in steps:
        go(house, None, step)
    numbers = [message["data"]["sequence"] for message in client.seen[before:]]
    assert numbers == list(range(number + 1, number + 1 + len(numbers)))


def test_a_reply_to_an_order_has_no_number() -> None:
    house = market()
    order = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "90"}
    (reply,) = house.connect("alice").request("place_order", **order)
    assert reply["type"] == "order_accepted"
    assert "sequence" not in reply["data"]
