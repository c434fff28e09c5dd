"""The core: when to come back, what to restore, and what is told to whoever waits."""

import json
from typing import Any

import pytest

from client.player import Player
from finalex.client.core import GREETING_MS_MAX, QUIET_MS, SILENT_MS_MAX, Phase
from finalex.client.effects import Close
from finalex.client.errors import (
    AuthenticationError,
    ConnectionClosedError,
    Gap,
    RequestFailedError,
)
from finalex.client.feeds import State
from finalex.client.subscriptions import ANSWER_MS_MAX, SubscribedAlreadyError
from finalex.protocol.streams import INTERVALS, Stream
from support.resuming import SMALL, market, trade

ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "90", "client_order_id": "a"}


def connected(**memory: Any) -> Player:
    player = Player(market(**memory))
    player.settle()
    return player


def hear(player: Player, type_: str, request_id: str = "server-99", **data: Any) -> None:
    """Let the server say something."""
    message = {"id": request_id, "type": type_, "data": data, "timestamp": player.house.now_ms}
    player._carry_out(player.core.received(json.dumps(message).encode(), player.house.now_ms))


# --- coming back ----------------------------------------------------------------------------------------


def test_each_failure_doubles_the_wait_up_to_thirty_seconds() -> None:
    player = connected()
    player.die()
    for _ in range(6):
        player._carry_out(player.core.lost(None, 0.5))
    assert player.delays_ms == [1000, 2000, 4000, 8000, 16000, 30000, 30000]


def test_a_greeting_ends_the_failures() -> None:
    player = connected()
    for _ in range(3):
        player.die()
        player.settle()
    assert player.delays_ms == [1000, 1000, 1000]


def test_a_server_that_restarts_says_when_to_come_back() -> None:
    player = connected()
    hear(player, "connection_status", status="closing", server_time=0, reconnect_after_ms=1234)
    player.die(1012)
    assert player.delays_ms == [1234]


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009])
def test_a_close_code_that_says_so_ends_the_client(code: int) -> None:
    player = connected()
    player.subscribe("trades", symbol="BTC/USDT")
    number = player.request("place_order", **ORDER)
    player.die(code)
    assert isinstance(player.stopped, ConnectionClosedError)
    assert player.stopped.code == code
    assert player.ends == {player.feeds["trades"].key: player.stopped}
    assert player.refusals == {number: player.stopped}
    assert player.delays_ms == []


@pytest.mark.parametrize("code", [None, 1001, 1006, 1011, 1012, 1013, 3008, 4000, 4999])
def test_any_other_close_code_does_not(code: int | None) -> None:
    player = connected()
    player.die(code)
    assert player.stopped is None
    assert len(player.delays_ms) == 1


def test_credentials_that_are_refused_end_the_client_with_what_the_server_said() -> None:
    player = Player(market())
    player._carry_out(player.core.connected(0))
    hear(player, "error", code="INVALID_TOKEN", message="", details="expired")
    player._carry_out(player.core.lost(3000, 0.5))
    assert isinstance(player.stopped, AuthenticationError)
    assert "expired" in str(player.stopped)


def test_credentials_that_can_be_renewed_are_tried_again_once() -> None:
    player = connected()
    player.core._renewable = True
    player.die(3000)
    assert player.stopped is None
    player._carry_out(player.core.connected(0))
    player._carry_out(player.core.lost(3000, 0.5))
    assert isinstance(player.stopped, AuthenticationError)


# --- restoring ------------------------------------------------------------------------------------------


def test_everything_is_restored_in_one_request() -> None:
    player = connected()
    trade(player.house)
    for channel in ("trades", "ticker", "orderbook"):
        player.subscribe(
            channel, past=int(channel == "trades"), symbol="BTC/USDT", depth=20 if channel == "orderbook" else 0
        )
    player.subscribe("orders")
    player.subscribe("user_trades", past=1)
    player.settle()
    player.die()
    assert {feed.state for feed in player.feeds.values()} == {State.STALE}
    player.sent.clear()
    player.connect()
    player.read()
    assert {feed.state for feed in player.feeds.values()} == {State.RESUMING}
    (request,) = player.sent
    items = {item["channel"]: item for item in request["params"]["subscriptions"]}
    assert set(items) == {"trades", "ticker", "orderbook", "orders", "user_trades", "heartbeat"}
    assert items["trades"]["after"] == "trades:BTC/USDT:1"
    assert items["user_trades"]["after"] == "user_trades:BTC/USDT:1"
    assert items["orders"]["after"].startswith("orders:")
    player.settle()
    assert {feed.state for feed in player.feeds.values()} == {State.LIVE}


def test_what_cannot_be_resumed_is_a_gap_where_it_is() -> None:
    player = connected(memory=SMALL)
    trade(player.house)
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    player.die()
    trade(player.house, 10)
    player.house.archive.trim(player.house.desk.hub)
    trade(player.house, 10)
    player.house.archive.trim(player.house.desk.hub)
    player.settle()
    told = player.told("trades")
    assert [getattr(item, "trade_id", "gap") for item in told[:2]] == ["1", "gap"]
    assert isinstance(told[1], Gap)
    trade(player.house)
    player.settle()
    assert [item.trade_id for item in told[2:]] == ["21", "22"]


def test_a_trade_that_is_missing_on_the_way_is_asked_for_again() -> None:
    player = connected()
    trade(player.house)
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    trade(player.house)
    assert player._conversation is not None
    player._conversation.seen.clear()
    trade(player.house)
    player.settle()
    assert [getattr(item, "trade_id", "gap") for item in player.told("trades")] == ["1", "2", "3"]


def test_what_happens_first_while_the_connection_is_lost_is_told() -> None:
    player = connected()
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.subscribe("user_trades", past=1)
    player.subscribe("kline", symbol="BTC/USDT", interval="1m")
    player.settle()
    player.die()
    trade(player.house, 3)
    player.house.advance(120_000)
    player.settle()
    assert [item.trade_id for item in player.told("trades")] == ["1", "2", "3"]
    assert [item.trade_id for item in player.told("user_trades")] == ["trade_1", "trade_2", "trade_3"]
    assert [item.is_closed for item in player.told("kline")] == [True, True, False]


def test_an_item_that_was_too_much_for_one_request_is_asked_for_by_itself() -> None:
    player = connected()
    player.subscribe("ticker", symbol="BTC/USDT")
    player.subscribe("orderbook", symbol="BTC/USDT", depth=20)
    player.settle()
    player.die()
    player.sent.clear()
    player.connect()
    player.read()
    error = {"code": "INVALID_PARAMS", "message": "", "details": "send this item again by itself"}
    hear(player, "subscribed", request_id=player.sent[0]["id"], results=[{"error": error}, {}])
    assert [item["channel"] for item in player.sent[1]["params"]["subscriptions"]] == ["ticker"]
    hear(player, "subscribed", request_id=player.sent[1]["id"], results=[{"error": error}])
    assert isinstance(player.ends[player.feeds["ticker"].key], RequestFailedError)


def test_so_much_of_the_past_that_one_request_may_not_ask_for_it_is_asked_for_in_several() -> None:
    player = Player(market())
    for number in range(15):
        stream = Stream("kline", "BTC/USDT", interval=INTERVALS[number])
        player.feeds[str(number)], _ = player.core.subscribe(stream, 1000, 0)
    player.settle()
    assert [len(request["params"]["subscriptions"]) for request in player.sent] == [10, 5]
    assert {feed.state for feed in player.feeds.values()} == {State.LIVE}


def test_a_subscription_that_is_refused_ends_alone() -> None:
    player = connected()
    player.subscribe("trades", past=1, symbol="NOT/THERE")
    player.subscribe("ticker", symbol="BTC/USDT")
    player.settle()
    error = player.ends[player.feeds["trades"].key]
    assert isinstance(error, RequestFailedError)
    assert error.code == "INVALID_SYMBOL"
    assert player.feeds["ticker"].state is State.LIVE
    player.subscribe("trades", past=1, symbol="NOT/THERE")  # and may be asked for again


def test_a_stream_can_be_had_once() -> None:
    player = connected()
    player.subscribe("orderbook", symbol="BTC/USDT", depth=20)
    with pytest.raises(SubscribedAlreadyError, match="orderbook BTC/USDT"):
        player.subscribe("orderbook", symbol="BTC/USDT", depth=50)


def test_messages_of_an_earlier_subscription_are_left_out() -> None:
    player = connected()
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    trade(player.house)  # on its way when the user changes his mind twice
    player._carry_out(player.core.unsubscribe(player.feeds["trades"].key))
    player.subscribe("trades", past=1, symbol="BTC/USDT")
    player.settle()
    assert [item.trade_id for item in player.told("trades")] == ["1"]


# --- the connection -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"not json", b'{"type":"ticker","id":"x","timestamp":0,"data":{}}', b"\xff"]
)
def test_a_message_that_cannot_be_read_ends_the_connection_and_not_the_client(text: bytes) -> None:
    player = connected()
    player._carry_out(player.core.received(text, player.house.now_ms))
    assert player.delays_ms == [1000]
    player.settle()
    assert player.core.phase is Phase.READY


def test_a_message_of_an_unknown_type_is_left_out() -> None:
    player = connected()
    hear(player, "from_the_future", anything=1)
    assert player.core.phase is Phase.READY


def test_a_silent_server_is_asked_and_then_given_up() -> None:
    player = connected()
    player.house.now_ms += QUIET_MS
    player.tick()
    player.tick()
    assert [request["method"] for request in player.sent] == ["ping"]
    player.settle()
    player.house.now_ms += QUIET_MS
    player.tick()
    player.house.now_ms += SILENT_MS_MAX - QUIET_MS
    player.tick()
    assert player.delays_ms == [1000]


def test_a_server_that_does_not_greet_is_given_up() -> None:
    player = Player(market())
    player._carry_out(player.core.connected(player.house.now_ms))
    player._carry_out(player.core.tick(player.house.now_ms + GREETING_MS_MAX - 1))
    assert player.core.phase is Phase.GREETING
    assert [type(effect) for effect in player.core.tick(player.house.now_ms + GREETING_MS_MAX)] == [Close]


def test_a_subscription_that_is_never_answered_ends_the_connection() -> None:
    player = connected()
    player.subscribe("ticker", symbol="BTC/USDT")
    player.house.now_ms += ANSWER_MS_MAX + 1
    hear(player, "pong", server_time=0)  # the server lives
    assert [type(effect) for effect in player.core.tick(player.house.now_ms)] == [Close]


def test_silence_while_nothing_is_read_is_no_silence() -> None:
    player = connected()
    player.house.now_ms += 10 * SILENT_MS_MAX
    assert player.core.tick(player.house.now_ms, reading=False) == []
    assert player.core.tick(player.house.now_ms + 1) == []
