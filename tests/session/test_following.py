"""Whatever happens: a client that follows the protocol sees no gap and no repeat, and in the end knows what is so."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.channels.hub import Hub
from finalex.channels.journal import Memory
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream
from finalex.session import openings
from support.conversation import House
from support.follower import MINUTE_MS, Book, Candles, Follower, Tape, Ticker
from support.resuming import SMALL, SYMBOLS, USERS, market, place, trade

ITEMS = st.one_of(
    st.builds(lambda symbol: {"channel": "ticker", "symbol": symbol}, st.sampled_from(SYMBOLS)),
    st.builds(
        lambda symbol, depth: {"channel": "orderbook", "symbol": symbol, "depth": depth},
        st.sampled_from(SYMBOLS),
        st.sampled_from((5, 10)),
    ),
    st.builds(
        lambda symbol, past: {"channel": "trades", "symbol": symbol} | ({"snapshot": past} if past else {}),
        st.sampled_from(SYMBOLS),
        st.integers(0, 3),
    ),
    st.builds(
        lambda symbol, past: {"channel": "kline", "symbol": symbol, "interval": "1m", "history": past},
        st.sampled_from(SYMBOLS),
        st.integers(0, 3),
    ),
)

STEPS = st.one_of(
    st.tuples(st.just("subscribe"), st.lists(ITEMS, min_size=1, max_size=6)),
    st.tuples(st.just("unsubscribe"), ITEMS),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS), st.integers(1, 5)),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS), st.integers(1, 5)),
    st.tuples(
        st.just("rest"), st.sampled_from(USERS), st.sampled_from(Side), st.sampled_from(SYMBOLS), st.integers(-9, 9)
    ),
    st.tuples(st.just("cancel"), st.sampled_from(USERS)),
    st.tuples(st.just("wait"), st.sampled_from((50, 1000, MINUTE_MS, 4 * MINUTE_MS))),
    st.sampled_from([("proceed",), ("proceed",), ("recall",), ("fall behind",), ("catch up",)]),
)


def go(follower: Follower, step: tuple[Any, ...]) -> None:
    client = follower.client
    match step:
        case ("subscribe", items):
            follower.subscribe(items)
        case ("unsubscribe", item):
            follower.unsubscribe(item)
        case ("proceed",) if client.proceeding:
            client.proceed()
        case ("recall",):
            client.recall(1)
        case ("fall behind",):
            client.fall_behind()
        case ("catch up",):
            follower.behind = False
            client.catch_up()
        case _:
            happen(follower.house, step)
    follower.follow()


def happen(house: House, step: tuple[Any, ...]) -> None:
    match step:
        case ("trade", symbol, count):
            trade(house, count, symbol)
        case ("rest", user, side, symbol, distance):
            place(house, user, side, symbol, 1, (90 if side is Side.BUY else 110) + distance)
        case ("cancel", user):
            house.execute(CancelAllOrders(user=user))
        case ("wait", elapsed_ms):
            house.advance(elapsed_ms)


def settle(follower: Follower) -> None:
    """Let everything come that must, and time enough pass for the last ticker."""
    go(follower, ("catch up",))
    while follower.client.proceeding or follower.client.recalls:
        go(follower, ("proceed",))
        go(follower, ("recall",))
    for _ in range(3):
        go(follower, ("wait", 1000))
    assert follower.client.closed is None
    assert len(follower.client.joined) == len(follower.views)


def check(follower: Follower) -> None:
    """Assert that the client knows what the hub knows."""
    hub = follower.house.desk.hub
    for stream, view in follower.views.items():
        match view:
            case Book():
                (snapshot,) = data_of(hub, stream._replace(depth=view.depth))
                assert view.levels == {"buy": dict(snapshot.bids), "sell": dict(snapshot.asks)}
                assert view.sequence == snapshot.sequence
            case Tape():
                assert (view.last or 0) == hub.state.next_trade(stream.symbol) - 1
            case Candles():
                closed = {each.open_time for each in data_of(hub, stream, history=1000) if each.is_closed}
                assert {open_ms for open_ms in closed if open_ms >= view.owed_ms} <= set(view.closed) <= closed
            case Ticker():
                assert ([view.data] if view.data else []) == [
                    msgspec.to_builtins(data) for data in data_of(hub, stream)
                ]


def data_of(hub: Hub, stream: Stream, history: int = 0) -> list[Any]:
    return [publication.data for publication in hub.opening(stream, Subscription(stream.channel, history=history))]


@pytest.mark.parametrize("memory", [None, SMALL], ids=["from memory", "from the log beyond"])
@given(before=st.integers(0, 3), steps=st.lists(STEPS, min_size=5, max_size=60), turn_max=st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_a_client_that_has_caught_up_knows_what_is_so_and_missed_nothing_that_cannot_be_made_up(
    memory: Memory | None, before: int, steps: list[tuple[Any, ...]], turn_max: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openings, "OPENING_MESSAGES_MAX", turn_max)
        follower = Follower(market(memory))
        for symbol in SYMBOLS:
            trade(follower.house, before, symbol)
        for step in steps:
            go(follower, step)
        settle(follower)
        check(follower)
