"""Messages that never came are noticed, and asked for on the same connection."""

import json
from typing import Any

import pytest

from client.player import Player
from finalex.client.errors import Gap
from finalex.client.feeds import BookFeed, State
from finalex.client.requests import RATE_PAUSE_MS
from finalex.model.orders import Side
from support.resuming import market, place, trade

HEARTBEAT_MS = 5000
ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "90", "client_order_id": "a"}


def connected() -> Player:
    player = Player(market())
    player.settle()
    return player


def lose_messages(player: Player) -> None:
    """Lose everything that is on its way to the client, but not the connection."""
    assert player._conversation is not None
    player._conversation.seen.clear()


def hear(player: Player, type_: str, **data: Any) -> None:
    message = {"id": "server-99", "type": type_, "data": data, "timestamp": player.house.now_ms}
    player._carry_out(player.core.received(json.dumps(message).encode(), player.house.now_ms))


def beat(player: Player) -> None:
    player.house.advance(HEARTBEAT_MS)
    player.settle()


def test_a_last_trade_that_never_came_is_told_after_the_next_heartbeat() -> None:
    player = connected()
    trade(player.house)
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    trade(player.house, 2)
    lose_messages(player)
    beat(player)
    assert [item.trade_id for item in player.told("trades")] == ["1", "2", "3"]
    assert player.delays_ms == []


def test_a_first_trade_that_never_came_is_told_after_the_next_heartbeat() -> None:
    player = connected()
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    trade(player.house, 2)
    lose_messages(player)
    beat(player)
    assert [item.trade_id for item in player.told("trades")] == ["1", "2"]


def test_a_last_order_that_never_came_is_told_after_the_next_heartbeat() -> None:
    player = connected()
    player.subscribe("orders")
    player.settle()
    place(player.house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    lose_messages(player)
    beat(player)
    assert [str(item.status) for item in player.told("orders")] == ["new"]


def test_a_last_change_of_the_book_that_never_came_is_healed_after_the_next_heartbeat() -> None:
    player = connected()
    player.subscribe("orderbook", symbol="BTC/USDT", depth=20)
    player.settle()
    before = player.levels()
    place(player.house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    lose_messages(player)
    beat(player)
    feed = player.feeds["orderbook"]
    assert isinstance(feed, BookFeed)
    assert (feed.book.breaks, feed.state) == (1, State.LIVE)
    assert player.levels()[0] == before[0] + 1
    assert len(player.levels()[1]) == len(before[1]) + 1


def test_heartbeats_of_a_quiet_market_ask_for_nothing() -> None:
    player = connected()
    trade(player.house)
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.subscribe("orderbook", symbol="BTC/USDT", depth=20)
    player.subscribe("orders")
    player.subscribe("user_trades", past=1)
    player.settle()
    player.sent.clear()
    for _ in range(3):
        beat(player)
    assert player.sent == []


def test_a_trade_that_is_missing_for_good_is_a_gap() -> None:
    player = connected()
    trade(player.house)
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    for _ in range(2):  # the second time it is missing among those told again
        trade(player.house, 2)
        player.send()
        assert player._conversation is not None
        player._conversation.seen[:] = [m for m in player._conversation.seen if m["data"].get("trade_id") != "2"]
        player.read()
    player.send()
    assert player._conversation is not None
    player._conversation.seen[:] = [m for m in player._conversation.seen if m["data"].get("trade_id") != "2"]
    player.settle()
    told = player.told("trades")
    assert isinstance(told[1], Gap)
    assert [item.trade_id for item in (told[0], *told[2:])] == ["1", "3", "4", "5"]


def test_a_trade_that_comes_twice_is_told_once() -> None:
    player = connected()
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    trade(player.house, 2)
    assert player._conversation is not None
    seen = player._conversation.seen
    seen[:] = [message for message in seen for _ in range(2)]
    player.settle()
    assert [item.trade_id for item in player.told("trades")] == ["1", "2"]


def test_the_first_heartbeat_of_nothing_stays_the_place_to_go_on_from() -> None:
    player = connected()
    player.subscribe("orders")
    player.settle()
    place(player.house, "bob", Side.BUY, "BTC/USDT", 1, 90)  # the log goes on, without an order of alice's
    beat(player)
    place(player.house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    lose_messages(player)
    hear_nothing_yet(player)
    player.die()
    player.settle()
    assert [str(item.status) for item in player.told("orders")] == ["new"]


def hear_nothing_yet(player: Player) -> None:
    """Let a heartbeat of now overtake what is on its way."""
    sequence = player.house.desk.hub.sequence
    rows = [{"channel": "orders", "last_id": None}]
    data = {"subscriptions": rows, "timestamp": player.house.now_ms}
    message = {"id": f"heartbeat:{sequence}", "type": "heartbeat", "data": data, "timestamp": player.house.now_ms}
    player._carry_out(player.core.received(json.dumps(message).encode(), player.house.now_ms))


@pytest.mark.parametrize("channel", ["ticker", "trades"])
def test_a_subscription_that_was_dropped_for_coming_too_fast_is_asked_for_again(channel: str) -> None:
    player = connected()
    trade(player.house)
    player.subscribe(channel, symbol="BTC/USDT")
    player._outgoing.clear()
    hear(player, "error", code="RATE_LIMIT_EXCEEDED", message="", details="")
    player.house.now_ms += RATE_PAUSE_MS - 1
    player.tick()
    assert player._outgoing == []
    player.house.now_ms += 1
    player.tick()
    player.settle()
    assert player.feeds[channel].state is State.LIVE
    assert len(player.told(channel)) == 1


def test_while_messages_are_dropped_no_order_is_sent() -> None:
    player = connected()
    hear(player, "error", code="RATE_LIMIT_EXCEEDED", message="", details="")
    number = player.request("place_order", **ORDER)
    assert player._outgoing == []
    player.house.now_ms += RATE_PAUSE_MS
    player.tick()
    player.settle()
    assert number in player.answers
