"""What goes on while the log is read for a client that missed more than memory holds."""

import pytest

from finalex.session.openings import ROUNDS_MAX
from support.resuming import SMALL, Reader, market, old_reader, results, told, trade


def test_other_requests_are_served_meanwhile() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    assert [message["type"] for message in reader.conversation.request("ping")] == ["pong"]
    assert [message["type"] for message in reader.conversation.request("list_subscriptions")] == ["subscriptions"]
    reader.conversation.recall()
    assert reader.resumed


def test_several_items_are_answered_together_and_in_the_order_of_the_request() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    items = [
        {"channel": "orderbook", "symbol": "BTC/USDT"},
        {"channel": "trades", "symbol": "BTC/USDT", "after": reader.last_id},
        {"channel": "user_trades", "after": "user_trades:BTC/USDT:2"},
        {"channel": "orders", "after": "orders:1000000-0"},
        {"channel": "trades", "symbol": "ETH/USDT", "after": "nonsense"},
        {"channel": "nothing"},
        {"channel": "heartbeat"},
    ]
    assert reader.conversation.request("subscribe", subscriptions=items) == []
    assert reader.conversation.joined == set()
    reader.conversation.recall()
    told = [(result.get("resumed"), result.get("error", {}).get("code")) for result in results(reader)]
    assert told == [
        (None, None),
        (True, None),
        (True, None),
        (False, None),
        (None, "INVALID_PARAMS"),
        (None, "INVALID_CHANNEL"),
        (None, None),
    ]
    types = [message["type"] for message in reader.conversation.seen[1:]]
    assert types[:3] == ["subscribed", "orderbook_snapshot", "heartbeat"]
    assert (types.count("trade"), types.count("user_trade")) == (5, 5)
    assert len(reader.conversation.joined) == 4


@pytest.mark.parametrize("channel", ["trades", "orders", "user_trades"])
def test_more_than_memory_keeps_may_come_while_the_log_is_read(channel: str) -> None:
    house = market(SMALL)
    reader = old_reader(house, channel=channel, symbol="BTC/USDT")
    stayed = Reader(house, channel=channel, symbol="BTC/USDT")
    reader.subscribe(after=reader.last_id)
    for _ in range(20):
        trade(house, 1)
        reader.conversation.recall(1)
    reader.conversation.recall()
    trade(house, 1)
    assert reader.resumed
    reader.take()
    stayed.take()
    assert len(stayed.read) >= 21
    assert told(reader.read)[-len(stayed.read) :] == told(stayed.read)


def test_a_client_that_never_catches_up_is_too_slow() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    client = reader.conversation
    for _ in range(ROUNDS_MAX):
        (key,) = client.recalls
        client.carry_out(client.session.recalled(key, [True], house.now_ms))
        trade(house, 5)
        client.recalls.clear()
        client.carry_out(client.session.caught_up(key, house.now_ms))
    assert reader.resumed
    assert client.recalls == {}
    assert client.closed == 4000


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_unsubscribing_ends_it(steps: int) -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    reader.conversation.recall(steps)
    before = len(reader.conversation.seen)
    *canceled, reply = reader.conversation.request("unsubscribe", channel="trades", symbol="BTC/USDT")
    assert reply["type"] == "unsubscribed"
    assert reply["data"]["subscriptions_remaining"] == 100
    assert [message["data"]["code"] for message in canceled] == (["CANCELED"] if steps == 0 else [])
    assert reader.conversation.recalls == {}
    trade(house)
    reader.conversation.recall()
    assert len(reader.conversation.seen) == before + len(canceled) + 1


def test_unsubscribing_from_one_item_leaves_the_others() -> None:
    house = market(SMALL)
    reader = old_reader(house, 5, channel="orders")
    items = [
        {"channel": "orders", "after": reader.last_id},
        {"channel": "trades", "symbol": "BTC/USDT", "after": "trades:BTC/USDT:1"},
        {"channel": "user_trades", "after": "user_trades:BTC/USDT:1"},
    ]
    reader.conversation.request("subscribe", subscriptions=items)
    reader.conversation.request("unsubscribe", channel="orders")
    reader.conversation.recall(3)
    told = [(result.get("resumed"), result.get("error", {}).get("code")) for result in results(reader)]
    assert told == [(None, "CANCELED"), (True, None), (True, None)]
    reader.conversation.request("unsubscribe", channel="user_trades")
    reader.conversation.recall()
    numbers = [message["data"]["trade_id"] for message in reader.conversation.seen if message["type"] == "trade"]
    assert numbers == [str(number) for number in range(2, 8)]
    assert [stream.channel for stream in reader.conversation.joined] == ["trades"]


def test_subscribing_anew_takes_the_place_of_what_is_being_sent() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    reader.conversation.recall(2)
    past = reader.conversation.request("subscribe", channel="trades", symbol="BTC/USDT", snapshot=1)[1:]
    assert reader.conversation.recalls == {}
    trade(house)
    assert [message["id"] for message in past] == ["trades:BTC/USDT:7"]
    assert reader.conversation.seen[-1]["id"] == "trades:BTC/USDT:8"


def test_of_a_stream_named_twice_the_last_item_counts() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    item = {"channel": "trades", "symbol": "BTC/USDT"}
    items = [{**item, "after": reader.last_id}, {**item, "after": "trades:BTC/USDT:1"}, {**item, "snapshot": 1}]
    reader.conversation.request("subscribe", subscriptions=items)
    reader.conversation.recall()
    assert [message["id"] for message in reader.conversation.seen[2:]] == ["trades:BTC/USDT:7"]
    assert len(reader.conversation.joined) == 1


def test_a_log_that_fails_before_anything_was_told_is_not_resumed() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id, snapshot=1)
    (key,) = reader.conversation.recalls
    reader.conversation.carry_out(reader.conversation.session.recall_failed(key, house.now_ms))
    assert reader.resumed is False
    assert reader.conversation.seen[-1]["id"] == "trades:BTC/USDT:7"
    assert reader.conversation.joined


def test_a_log_that_fails_later_ends_the_connection() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    house.archive.broken = True
    reader.subscribe(after=reader.last_id)
    reader.conversation.recall()
    assert reader.resumed
    assert reader.conversation.closed == 1011
    house.archive.broken = False
    reader.die()
    reader.conversation.recall()
    reader.take()
    assert [message["data"]["trade_id"] for message in reader.read] == [str(number) for number in range(1, 8)]


def test_after_the_end_nothing_is_sent() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    (key,) = reader.conversation.recalls
    session = reader.conversation.session
    session.disconnect()
    assert session.recalled(key, [True], house.now_ms) == []
    assert session.replayed(key, [], house.now_ms) == []
    assert session.caught_up(key, house.now_ms) == []
    assert session.recall_failed(key, house.now_ms) == []
