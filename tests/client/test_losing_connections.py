"""A client that loses its connection at any message ends with exactly what one that never lost it has."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.player import Player
from finalex.channels.journal import Memory
from finalex.client.errors import Gap
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.protocol.messages import OrderData
from support.conversation import House
from support.resuming import SMALL, market, place, trade

STREAMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("trades", {"past": 1, "symbol": "BTC/USDT"}),
    ("orderbook", {"symbol": "BTC/USDT", "depth": 20}),
    ("kline", {"symbol": "BTC/USDT", "interval": "1m"}),
    ("ticker", {"symbol": "BTC/USDT"}),
    ("orders", {}),
    ("user_trades", {"past": 1}),
    ("account", {}),
)

STEP = st.one_of(
    st.tuples(st.just("trades"), st.integers(1, 3)),
    st.tuples(st.just("rest"), st.sampled_from(Side), st.integers(1, 3)),
    st.tuples(st.just("order"), st.sampled_from(("buy", "sell")), st.integers(99, 101)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("send"), st.integers(1, 3)),
    st.tuples(st.just("read"), st.integers(1, 12)),
    st.tuples(st.just("die")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("wait"), st.sampled_from((100, 61_000))),
)


def go(house: House, flaky: Player, step: tuple[Any, ...]) -> None:
    match step:
        case ("trades", count):
            trade(house, count)
        case ("rest", side, distance):
            place(house, "bob", side, "BTC/USDT", 1, 100 - distance if side is Side.BUY else 100 + distance)
        case ("order", side, price):
            name = f"order-{len(flaky.core.requests) + len(flaky.answers) + len(flaky.refusals)}"
            order = {"symbol": "BTC/USDT", "side": side, "type": "limit", "quantity": "1", "price": str(price)}
            flaky.request("place_order", **order, client_order_id=name)
        case ("cancel", number):
            flaky.request("cancel_order", client_order_id=f"order-{number}")
        case ("send", count):
            flaky.send(count)
        case ("read", count):
            flaky.read(count)
        case ("die",):
            flaky.die()
        case ("connect",):
            flaky.connect()
        case ("wait", elapsed_ms):
            house.advance(elapsed_ms)


def begin(memory: Memory | None) -> tuple[House, Player, Player]:
    """Return an exchange and two clients of alice who have seen everything so far."""
    house = market(memory)
    trade(house, 2)
    flaky, steady = Player(house), Player(house)
    for player in (flaky, steady):
        player.connect()
        for channel, params in STREAMS:
            player.subscribe(channel, **params)
        player.settle()
    return house, flaky, steady


@pytest.mark.parametrize("memory", [None, SMALL], ids=["from memory", "from the log beyond"])
@given(steps=st.lists(STEP, min_size=10, max_size=45))
@settings(max_examples=40, deadline=None)
def test_a_client_that_comes_back_has_what_one_that_stayed_has(
    memory: Memory | None, steps: list[tuple[Any, ...]]
) -> None:
    house, flaky, steady = begin(memory)
    for step in steps:
        go(house, flaky, step)
    flaky.settle()
    house.advance(1_000)  # what is paced is due
    flaky.settle()
    steady.settle()
    for channel in ("trades", "orders", "user_trades"):
        assert flaky.told(channel) == steady.told(channel), channel
    assert flaky.levels() == steady.levels()
    for channel in ("ticker", "account"):
        assert flaky.told(channel)[-1:] == steady.told(channel)[-1:], channel
    closed = [[candle for candle in player.told("kline") if candle.is_closed] for player in (flaky, steady)]
    assert closed[0] == closed[1]


@given(steps=st.lists(STEP, min_size=10, max_size=45))
@settings(max_examples=40, deadline=None)
def test_every_order_has_one_outcome_and_is_placed_once(steps: list[tuple[Any, ...]]) -> None:
    house, flaky, steady = begin(None)
    for step in steps:
        go(house, flaky, step)
    flaky.settle()
    steady.settle()
    assert len(flaky.core.requests) == 0
    made = sum(step[0] in ("order", "cancel") for step in steps)
    assert len(flaky.answers) + len(flaky.refusals) == made
    placed = [
        str(order.client_order_id) for order in steady.told("orders") if order.status == "new" and order.client_order_id
    ]
    accepted = [str(data.client_order_id) for data in flaky.answers.values() if isinstance(data, OrderData)]
    assert sorted(placed) == sorted(accepted)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (0, []),  # not even subscribed: it begins now
        (1, ["gap"]),  # acknowledged, without a place to go on from
        (2, ["new", "canceled"]),  # the heartbeat has come
    ],
)
def test_orders_missed_at_the_very_beginning_are_told_or_a_gap(read: int, told: list[str]) -> None:
    house = market()
    client = Player(house)
    client.connect()
    client.read()
    client.subscribe("orders")
    client.send()
    client.read(read)
    client.die()
    place(house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    house.execute(CancelAllOrders(user="alice"))
    client.settle()
    assert ["gap" if isinstance(item, Gap) else str(item.status) for item in client.told("orders")] == told
