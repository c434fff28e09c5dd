"""Openings that are too much for one turn: the rest comes in the next ones, and nothing is missing between."""

from typing import Any

import pytest

from finalex.channels.journal import Memory
from finalex.model.orders import Side
from finalex.protocol.streams import INTERVALS
from finalex.session import openings
from finalex.session.effects import Join, Proceed, Send
from finalex.session.openings import OPENING_MESSAGES_MAX
from support.conversation import Conversation, House
from support.resuming import Message, market, place, trade

Item = dict[str, Any]

TICKER = {"channel": "ticker", "symbol": "BTC/USDT"}
BOOK = {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 5}
OTHER = {"channel": "orderbook", "symbol": "ETH/USDT", "depth": 10}
KLINE = {"channel": "kline", "symbol": "BTC/USDT", "interval": "1m"}
TRADES = {"channel": "trades", "symbol": "BTC/USDT"}


@pytest.fixture
def small_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn send three messages."""
    monkeypatch.setattr(openings, "OPENING_MESSAGES_MAX", 3)


def by_turns(house: House, user: str | None = "alice") -> Conversation:
    """Return a client of which the test takes the turns."""
    client = house.connect(user)
    client.at_once = False
    client.seen.clear()
    return client


def subscribe(client: Conversation, *items: Item) -> list[Message]:
    return client.request("subscribe", subscriptions=items)


def ids(messages: list[Message]) -> list[str]:
    return [message["id"] for message in messages if "channel" in message]


def turn(client: Conversation) -> list[Message]:
    """Take a turn, and return what came of it."""
    before = len(client.seen)
    client.proceed()
    return client.seen[before:]


def test_a_small_request_is_served_in_one_step() -> None:
    house = market()
    trade(house)
    client = by_turns(house)
    text = '{"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC/USDT"}}'
    effects = client.session.receive(text, house.now_ms)
    assert [type(effect) for effect in effects] == [Send, Send, Join, Proceed]
    assert client.session.proceed(house.now_ms) == []


def test_a_large_one_is_answered_at_once_and_sent_in_turns() -> None:
    house = market()
    trade(house)
    house.advance(1000 * 60_000)
    client = by_turns(house, None)
    items = [{**KLINE, "interval": interval, "history": 300} for interval in INTERVALS[:5]]
    ack, *first = subscribe(client, *items)
    assert [result["subscriptions_remaining"] for result in ack["data"]["results"]] == [99, 98, 97, 96, 95]
    turns = [first]
    while client.proceeding:
        turns.append(turn(client))
    assert all(len(messages) <= OPENING_MESSAGES_MAX for messages in turns)
    assert [len({message["data"]["interval"] for message in messages}) for messages in turns] == [1, 1, 1, 1, 1, 0]
    told = [message["data"]["interval"] for messages in turns for message in messages]
    assert list(dict.fromkeys(told)) == list(INTERVALS[:5])
    assert len(client.joined) == 5


def test_an_opening_that_is_longer_than_a_turn_comes_whole() -> None:
    house = market()
    trade(house, 1000)
    client = by_turns(house)
    subscribe(client, TICKER, {**TRADES, "snapshot": 1000})
    assert len(turn(client)) == 1000


def test_a_book_counts_by_its_levels() -> None:
    house = market()
    client = by_turns(house)
    items = [{**BOOK, "symbol": symbol, "depth": 1000} for symbol in ("BTC/USDT", "ETH/USDT")]
    assert len(ids(subscribe(client, *items, TICKER))) == 2
    assert OPENING_MESSAGES_MAX < 3 * 2 * 1000 / openings.LEVELS_PER_MESSAGE


@pytest.mark.usefixtures("small_turns")
def test_turns_are_shared_by_requests_that_come_together() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    for _ in range(100):
        subscribe(client, {**TRADES, "snapshot": 2}, TICKER)
    assert len(ids(client.seen)) == 3
    turn(client)
    assert len(ids(client.seen)) == 6
    assert turn(client) == []
    assert not client.proceeding


@pytest.mark.usefixtures("small_turns")
def test_what_has_no_opening_is_joined_at_once() -> None:
    house = market()
    trade(house, 5)
    client = by_turns(house)
    items: list[Item] = [
        {**TRADES, "symbol": "ETH/USDT"},
        {"channel": "orders", "snapshot": False},
        {"channel": "user_trades"},
    ]
    subscribe(client, {**TRADES, "snapshot": 3}, KLINE, TICKER, *items)
    assert {stream.channel for stream in client.joined} == {"trades", "orders", "user_trades"}
    trade(house, 1, "ETH/USDT")
    assert client.seen[-1]["type"] in ("trade", "user_trade", "order_update")


@pytest.mark.usefixtures("small_turns")
def test_what_happens_before_its_turn_is_in_the_state_and_not_in_updates() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    subscribe(client, {**TRADES, "snapshot": 3}, BOOK, {**TRADES, "symbol": "ETH/USDT", "snapshot": 2})
    place(house, "alice", Side.SELL, "BTC/USDT", 1, 105)
    trade(house, 3, "ETH/USDT")
    (book, *trades) = turn(client)
    assert book["data"]["asks"] == [["105.00", "1.00000000"]]
    assert ids(trades) == ["trades:ETH/USDT:2", "trades:ETH/USDT:3"]
    place(house, "alice", Side.SELL, "BTC/USDT", 1, 106)
    assert client.seen[-1]["data"]["sequence"] == book["data"]["sequence"] + 1


@pytest.mark.usefixtures("small_turns")
def test_unsubscribing_takes_out_what_waits() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    subscribe(client, {**TRADES, "snapshot": 3}, BOOK, TICKER)
    (reply,) = client.request("unsubscribe", **BOOK)
    assert (reply["type"], reply["data"]["subscriptions_remaining"]) == ("unsubscribed", 98)
    assert [message["type"] for message in turn(client)] == ["ticker"]
    assert {stream.channel for stream in client.joined} == {"trades", "ticker"}


@pytest.mark.usefixtures("small_turns")
def test_subscribing_again_replaces_what_waits() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    subscribe(client, {**TRADES, "snapshot": 3}, BOOK, TICKER)
    subscribe(client, {**BOOK, "depth": 10})
    ticker, snapshot = turn(client)
    assert (ticker["type"], snapshot["data"]["depth"]) == ("ticker", 10)
    assert sorted(stream.depth for stream in client.joined) == [0, 0, 10]


@pytest.mark.usefixtures("small_turns")
def test_a_book_subscribed_again_says_nothing_until_its_new_snapshot() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    subscribe(client, BOOK)
    turn(client)
    subscribe(client, {**TRADES, "snapshot": 3}, BOOK)
    before = len(client.seen)
    place(house, "alice", Side.SELL, "BTC/USDT", 1, 105)
    assert len(client.seen) == before
    assert [message["type"] for message in turn(client)] == ["orderbook_snapshot"]


@pytest.mark.usefixtures("small_turns")
def test_trades_subscribed_again_go_on_meanwhile() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    subscribe(client, TRADES)
    subscribe(client, KLINE, {**TRADES, "snapshot": 3})
    trade(house)
    assert client.seen[-1]["id"] == "trades:BTC/USDT:4"
    assert ids(turn(client)) == [f"trades:BTC/USDT:{number}" for number in (2, 3, 4)]


@pytest.mark.usefixtures("small_turns")
def test_heartbeats_come_at_once_and_say_nothing_of_what_waits() -> None:
    house = market()
    trade(house, 3)
    client = by_turns(house)
    *_, beat = subscribe(client, {**TRADES, "snapshot": 3}, TICKER, {"channel": "heartbeat"})
    assert beat["type"] == "heartbeat"
    rows = [(row["channel"], row["last_id"]) for row in beat["data"]["subscriptions"]]
    assert rows == [("trades", "trades:BTC/USDT:3"), ("ticker", None)]


# --- what is resumed ---


@pytest.mark.usefixtures("small_turns")
def test_what_was_missed_waits_for_its_turn_too() -> None:
    house = market()
    trade(house, 4)
    client = by_turns(house)
    ack, *_ = subscribe(client, OTHER, {**TRADES, "after": "trades:BTC/USDT:1"}, TICKER)
    assert ack["data"]["results"][1]["resumed"] is True
    trade(house)
    assert ids(turn(client)) == [f"trades:BTC/USDT:{number}" for number in (2, 3, 4, 5)]
    trade(house)
    assert client.seen[-1]["id"] == "trades:BTC/USDT:6"


@pytest.mark.usefixtures("small_turns")
def test_a_stream_that_goes_on_is_not_told_twice_what_comes_before_its_turn() -> None:
    house = market()
    trade(house, 4)
    client = by_turns(house)
    subscribe(client, TRADES)
    subscribe(client, OTHER, {**TRADES, "after": "trades:BTC/USDT:2"})
    client.seen.clear()
    trade(house)
    assert client.seen == []
    assert ids(turn(client)) == [f"trades:BTC/USDT:{number}" for number in (3, 4, 5)]


@pytest.mark.usefixtures("small_turns")
def test_what_memory_loses_before_its_turn_comes_from_the_log() -> None:
    house = market(Memory(trades_max=3))
    trade(house, 4)
    client = by_turns(house)
    ack, *_ = subscribe(client, OTHER, {**TRADES, "after": "trades:BTC/USDT:1"})
    assert ack["data"]["results"][1]["resumed"] is True
    trade(house)
    assert ids(turn(client)) == []
    (recall,) = client.recalls.values()
    assert recall is not None
    client.at_once = True
    client.recall()
    trade(house)
    assert ids(client.seen[-5:]) == [f"trades:BTC/USDT:{number}" for number in (2, 3, 4, 5, 6)]
    assert client.closed is None


@pytest.mark.usefixtures("small_turns")
def test_resuming_from_the_log_takes_the_place_of_what_waits() -> None:
    house = market(Memory(trades_max=3))
    trade(house, 9)
    client = by_turns(house)
    subscribe(client, OTHER, {**TRADES, "snapshot": 3})
    subscribe(client, {**TRADES, "after": "trades:BTC/USDT:2"})
    client.recall()
    while client.proceeding:
        client.proceed()
    assert ids(client.seen)[1:] == [f"trades:BTC/USDT:{number}" for number in range(3, 10)]
    assert {stream.channel for stream in client.joined} == {"orderbook", "trades"}
