"""Clients that fall behind: what is held, what goes on, and what they know once they have caught up."""

from typing import Any

import pytest

from finalex.model.orders import Side
from finalex.session import openings
from support.conversation import START_MS, Conversation, House
from support.follower import MINUTE_MS
from support.resuming import Message, market, place, trade

TICKER = {"channel": "ticker", "symbol": "BTC/USDT"}
BOOK = {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 5}
KLINE = {"channel": "kline", "symbol": "BTC/USDT", "interval": "1m"}
TRADES = {"channel": "trades", "symbol": "BTC/USDT"}


def subscriber(house: House, *items: dict[str, Any]) -> Conversation:
    """Return a client with these subscriptions, all opened, that has read everything."""
    client = house.connect("alice")
    client.request("subscribe", subscriptions=items)
    client.seen.clear()
    return client


def kinds(messages: list[Message]) -> list[str]:
    return [message["type"] for message in messages]


def candles(messages: list[Message]) -> list[tuple[int, bool]]:
    """Return the minute of each candle, and whether it has closed."""
    data = [message["data"] for message in messages if message["type"] == "kline"]
    return [((each["open_time"] - START_MS // MINUTE_MS * MINUTE_MS) // MINUTE_MS, each["is_closed"]) for each in data]


# --- falling behind ---


def test_the_client_is_told_and_what_is_lossy_stops() -> None:
    house = market()
    client = subscriber(house, TICKER, BOOK, KLINE, TRADES, {"channel": "orders"}, {"channel": "account"})
    client.fall_behind()
    assert client.seen[0]["data"] == {"status": "lagging", "server_time": START_MS}
    assert {stream.channel for stream in client.joined} == {"trades", "orders", "account"}
    client.seen.clear()
    trade(house)
    house.advance(2 * MINUTE_MS)
    assert set(kinds(client.seen)) == {"trade", "order_update", "account_update"}


def test_falling_behind_twice_is_falling_behind_once() -> None:
    client = subscriber(market(), TICKER)
    client.fall_behind()
    client.fall_behind()
    assert kinds(client.seen) == ["connection_status"]


def test_catching_up_without_having_been_behind_does_nothing() -> None:
    client = subscriber(market(), BOOK)
    client.catch_up()
    assert client.seen == []
    assert len(client.joined) == 1


def test_after_the_end_nothing_is_sent() -> None:
    house = market()
    client = subscriber(house, BOOK)
    client.session.disconnect()
    assert client.session.fall_behind(house.now_ms) == []
    assert client.session.catch_up(house.now_ms) == []
    assert client.session.proceed(house.now_ms) == []


def test_held_subscriptions_are_still_subscriptions() -> None:
    client = subscriber(market(), BOOK, TICKER)
    client.fall_behind()
    (listed,) = client.request("list_subscriptions")
    assert [item["channel"] for item in listed["data"]["subscriptions"]] == ["orderbook", "ticker"]
    (ack,) = client.request("subscribe", **KLINE)
    assert ack["data"]["subscriptions_remaining"] == 97


def test_new_subscriptions_are_acknowledged_and_those_to_what_is_lossy_held() -> None:
    house = market()
    trade(house)
    client = subscriber(house)
    client.fall_behind()
    client.seen.clear()
    items = [BOOK, {**TRADES, "snapshot": 1}, TICKER, {"channel": "account"}]
    assert kinds(client.request("subscribe", subscriptions=items)) == ["subscribed", "trade", "account_update"]
    client.seen.clear()
    client.catch_up()
    assert kinds(client.seen) == ["orderbook_snapshot", "ticker"]
    assert len(client.joined) == 4


def test_unsubscribing_takes_out_what_is_held() -> None:
    house = market()
    client = subscriber(house, BOOK, TICKER)
    client.fall_behind()
    client.request("subscribe", **KLINE)
    client.seen.clear()
    for item in (BOOK, KLINE):
        assert client.request("unsubscribe", **item)[0]["data"]["subscriptions_remaining"] in (98, 99)
    client.seen.clear()
    trade(house)
    client.catch_up()
    assert kinds(client.seen) == ["ticker"]


def test_heartbeats_claim_nothing_that_was_not_sent() -> None:
    house = market()
    trade(house)
    client = subscriber(house, TICKER, BOOK, KLINE, {"channel": "heartbeat"})
    trade(house)
    house.advance(1000)
    (before,) = (message["data"]["subscriptions"] for message in client.request("subscribe", channel="heartbeat")[1:])
    client.fall_behind()
    place(house, "alice", Side.SELL, "BTC/USDT", 1, 105)
    trade(house)
    house.advance(1000)
    (after,) = (message["data"]["subscriptions"] for message in client.request("subscribe", channel="heartbeat")[1:])
    assert after == before
    client.seen.clear()
    client.catch_up()
    (now,) = (message["data"]["subscriptions"] for message in client.request("subscribe", channel="heartbeat")[1:])
    assert [row["last_id"] for row in now] == [message["id"] for message in client.seen[:3]]


# --- catching up ---


def test_a_book_comes_as_a_new_snapshot_from_which_updates_go_on() -> None:
    house = market()
    client = subscriber(house, BOOK)
    client.fall_behind()
    client.seen.clear()
    for price in (101, 102, 103):
        place(house, "alice", Side.SELL, "BTC/USDT", 1, price)
    client.catch_up()
    place(house, "alice", Side.SELL, "BTC/USDT", 1, 104)
    assert kinds(client.seen) == ["orderbook_snapshot", "orderbook_update"]
    assert [level[0] for level in client.seen[0]["data"]["asks"]] == ["101.00", "102.00", "103.00"]
    assert client.seen[1]["data"]["sequence"] == client.seen[0]["data"]["sequence"] + 1


@pytest.mark.parametrize("minutes", [0, 1, 2, 7, 8, 9, 30, 999, 1000, 1001])
def test_the_candles_that_ended_meanwhile_come_once_and_then_the_running_one(minutes: int) -> None:
    house = market()
    trade(house)
    house.advance(5 * MINUTE_MS)
    client = subscriber(house, KLINE)
    client.fall_behind()
    client.seen.clear()
    house.advance(minutes * MINUTE_MS)
    client.catch_up()
    ended = range(5, 5 + minutes)[-1000:]
    assert candles(client.seen) == [*((minute, True) for minute in ended), (5 + minutes, False)]


def test_all_candles_are_owed_to_whoever_was_there_before_the_first_trade() -> None:
    house = market()
    client = subscriber(house, KLINE)
    client.fall_behind()
    client.seen.clear()
    trade(house)
    house.advance(3 * MINUTE_MS)
    client.catch_up()
    assert candles(client.seen) == [(0, True), (1, True), (2, True), (3, False)]


@pytest.mark.parametrize("history", [0, 1, 2, 3, 6, 100])
def test_a_history_asked_for_meanwhile_comes_with_what_is_owed_before_it(history: int) -> None:
    house = market()
    trade(house)
    house.advance(4 * MINUTE_MS)
    client = subscriber(house, KLINE)
    client.fall_behind()
    house.advance(2 * MINUTE_MS)
    client.request("subscribe", **KLINE, history=history)
    client.seen.clear()
    client.catch_up()
    closed = range(max(0, 6 - max(2, history)), 6)
    assert candles(client.seen) == [*((minute, True) for minute in closed), (6, False)]


def test_a_market_without_a_trade_has_nothing_to_catch_up_with() -> None:
    house = market()
    client = subscriber(house, TICKER, KLINE)
    client.fall_behind()
    client.seen.clear()
    client.catch_up()
    assert client.seen == []
    trade(house)
    assert kinds(client.seen) == ["kline", "ticker"]


def test_who_falls_behind_again_in_the_middle_gets_the_rest_when_it_has_caught_up() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openings, "OPENING_MESSAGES_MAX", 1)
        house = market()
        trade(house)
        client = subscriber(house, TICKER, BOOK, KLINE)
        client.at_once = False
        client.fall_behind()
        client.seen.clear()
        client.catch_up()
        assert kinds(client.seen) == ["ticker"]
        client.fall_behind()
        client.proceed()
        assert kinds(client.seen) == ["ticker", "connection_status"]
        assert client.joined == set()
        client.at_once = True
        client.catch_up()
        assert kinds(client.seen[2:]) == ["orderbook_snapshot", "kline", "ticker"]
        assert len(client.joined) == 3
