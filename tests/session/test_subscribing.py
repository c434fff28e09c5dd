"""What a subscription with `after` is answered, out of memory or when the log has been asked."""

from typing import Any

import pytest

from finalex.channels.journal import Memory
from finalex.model.events import Traded
from finalex.model.orders import Side
from finalex.protocol.requests import PAST_MESSAGES_MAX
from finalex.session.limits import Limits
from finalex.session.subscribing import RECALLS_MAX
from support.conversation import token
from support.resuming import SMALL, SYMBOLS, Reader, market, old_reader, place, trade


@pytest.mark.parametrize(
    ("subscription", "after"),
    [
        ({"channel": "trades", "symbol": "BTC/USDT"}, ""),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "17"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:-1"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:01"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:1 "),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:" + "9" * 19),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:BTC/USDT:٣"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "trades:ETH/USDT:1"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "user_trades:BTC/USDT:1"),
        ({"channel": "trades", "symbol": "BTC/USDT"}, "x" * 5000),
        ({"channel": "orders"}, "orders:1"),
        ({"channel": "orders"}, "orders:1-0-x"),
        ({"channel": "orders"}, "orders:1-0-m:snapshot"),
        ({"channel": "orders"}, "trades:BTC/USDT:1"),
        ({"channel": "orders"}, "account:1"),
        ({"channel": "user_trades"}, "trades:BTC/USDT:1"),
        ({"channel": "user_trades", "symbol": "ETH/USDT"}, "user_trades:BTC/USDT:1"),
    ],
)
def test_what_is_no_id_of_a_message_there_is_refused(subscription: dict[str, Any], after: str) -> None:
    client = market().connect("alice")
    (refusal,) = client.request("subscribe", **subscription, after=after)
    assert refusal["data"]["code"] == "INVALID_PARAMS"
    assert refusal["data"]["details"].startswith("'after' must be the id of a message of this subscription, like ")
    assert f"'{after[:64]}" in refusal["data"]["details"]
    assert client.joined == set()
    (reply,) = client.request("subscribe", subscriptions=[{**subscription, "after": after}, {"channel": "account"}])[:1]
    assert [result.get("error", {}).get("code") for result in reply["data"]["results"]] == ["INVALID_PARAMS", None]


def test_an_id_of_a_market_that_does_not_exist_is_refused() -> None:
    client = market().connect("alice")
    (refusal,) = client.request("subscribe", channel="user_trades", after="user_trades:DOGE/USDT:1")
    assert refusal["data"]["code"] == "INVALID_SYMBOL"


def test_an_id_is_text() -> None:
    (refusal,) = market().connect().request("subscribe", channel="trades", symbol="BTC/USDT", after=17)
    assert refusal["data"]["code"] == "INVALID_PARAMS"
    assert "'after'" in refusal["data"]["details"]


@pytest.mark.parametrize(
    ("subscription", "after", "opening"),
    [
        ({"channel": "trades", "symbol": "BTC/USDT", "snapshot": 1}, "trades:BTC/USDT:4", ["trades:BTC/USDT:3"]),
        ({"channel": "orders"}, "orders:1000000-0", ["orders:13-7:snapshot"]),
        ({"channel": "orders", "snapshot": False}, "orders:1000000-1:snapshot", []),
        ({"channel": "user_trades", "snapshot": 1}, "user_trades:BTC/USDT:4", ["user_trades:BTC/USDT:3"]),
        ({"channel": "ticker", "symbol": "BTC/USDT"}, "ticker:BTC/USDT:1", ["ticker:BTC/USDT:13"]),
        ({"channel": "account"}, "anything", ["account:13"]),
    ],
)
def test_what_cannot_be_resumed_says_so_and_starts_anew(
    subscription: dict[str, Any], after: str, opening: list[str]
) -> None:
    house = market()
    trade(house, 3)
    place(house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    reader = Reader(house, **subscription, after=after)
    reader.take()
    assert reader.resumed is False
    assert [message["id"] for message in reader.read] == opening


def test_the_acknowledgement_speaks_of_it_only_when_asked() -> None:
    ack, *_ = market().connect().request("subscribe", channel="trades", symbol="BTC/USDT")
    assert ack["data"] == {"channel": "trades", "symbol": "BTC/USDT", "subscriptions_remaining": 99}


def test_what_is_in_memory_comes_at_once_between_acknowledgement_and_live() -> None:
    house = market()
    trade(house, 3)
    client = house.connect()
    ack, *missed = client.request("subscribe", channel="trades", symbol="BTC/USDT", after="trades:BTC/USDT:1")
    assert ack["data"]["resumed"] is True
    assert [message["id"] for message in missed] == ["trades:BTC/USDT:2", "trades:BTC/USDT:3"]
    assert client.recalls == {}
    trade(house)
    assert client.seen[-1]["id"] == "trades:BTC/USDT:4"


def test_what_is_too_old_says_so_and_starts_anew() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    house.archive.trim(house.desk.hub)
    trade(house)
    reader.subscribe(after=reader.last_id, snapshot=1)
    assert reader.conversation.seen[1:] == []
    reader.conversation.recall()
    reader.take()
    assert reader.resumed is False
    assert reader.last_id == "trades:BTC/USDT:8"


def test_what_is_too_much_is_not_told_again() -> None:
    house = market(SMALL)
    house.archive.messages_max = 4
    for subscription in ({"channel": "trades", "symbol": "BTC/USDT"}, {"channel": "orders"}):
        reader = old_reader(house, 5, **subscription)
        reader.subscribe(after=reader.last_id)
        reader.conversation.recall()
        assert reader.resumed is False


def test_an_id_never_brings_another_accounts_messages() -> None:
    house = market(SMALL)
    reader = old_reader(house, 5, channel="orders")
    assert {message["data"]["side"] for message in reader.read} == {"sell"}
    for channel, last_id in (("orders", reader.last_id), ("user_trades", "user_trades:BTC/USDT:2")):
        bob, carol = (Reader(house, user, channel=channel, after=last_id) for user in ("bob", "carol"))
        for stranger in (bob, carol):
            stranger.conversation.recall()
            stranger.take()
            assert stranger.resumed
        assert {message["data"]["side"] for message in bob.read} == {"buy"}
        assert carol.read == []


def test_a_client_may_resume_on_the_connection_it_has() -> None:
    house = market(SMALL)
    client = house.connect()
    client.request("subscribe", channel="trades", symbol="BTC/USDT")
    trade(house, 6)
    client.request("subscribe", channel="trades", symbol="BTC/USDT", after="trades:BTC/USDT:1")
    trade(house, 1)
    client.seen.clear()
    client.recall()
    trade(house, 1)
    assert [message["id"] for message in client.seen[1:]] == [f"trades:BTC/USDT:{number}" for number in range(2, 9)]


# --- limits ---


def test_so_many_recalls_of_a_connection_are_under_way_and_one_more_is_not_resumed() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    for _ in range(RECALLS_MAX):
        assert reader.conversation.request("subscribe", **reader.subscription, after=reader.last_id) == []
    reader.subscribe(after=reader.last_id)
    assert reader.resumed is False
    assert len(reader.conversation.recalls) == RECALLS_MAX


def test_the_limit_of_subscriptions_counts_when_the_request_is_answered() -> None:
    house = market(SMALL, Limits(private_subscriptions_max=1))
    reader = old_reader(house, channel="orders")
    reader.subscribe(after=reader.last_id)
    assert reader.conversation.request("subscribe", channel="account")[0]["type"] == "subscribed"
    reader.conversation.recall()
    assert reader.conversation.seen[-1]["data"]["code"] == "SUBSCRIPTION_LIMIT"
    assert [stream.channel for stream in reader.conversation.joined] == ["account"]


def test_credentials_count_when_the_request_is_answered() -> None:
    house = market(SMALL)
    reader = old_reader(house, channel="orders")
    reader.subscribe(after=reader.last_id)
    reader.conversation.request("auth", token=token("alice", scope="trade"))
    reader.conversation.recall()
    assert reader.conversation.seen[-1]["data"]["code"] == "AUTHENTICATION_REQUIRED"
    assert reader.conversation.joined == set()


def test_one_request_may_resume_so_much_and_the_rest_in_another() -> None:
    house = market(Memory(trades_max=PAST_MESSAGES_MAX))
    half = PAST_MESSAGES_MAX // 2 + 1
    for symbol in SYMBOLS:
        outside = (
            Traded(symbol=symbol, trade=number, price=1, quantity=1, side=Side.BUY, time_ms=house.now_ms)
            for number in range(1, half + 1)
        )
        house.log.append(outside, house.now_ms)
    client = house.connect()
    items = [{"channel": "trades", "symbol": symbol, "after": f"trades:{symbol}:0"} for symbol in SYMBOLS]
    ack, *messages = client.request("subscribe", subscriptions=items)
    first, second = ack["data"]["results"]
    assert (first["resumed"], second["error"]["code"], len(messages)) == (True, "INVALID_PARAMS", half)
    ack, *messages = client.request("subscribe", **items[1])
    assert (ack["data"]["resumed"], len(messages)) == (True, half)
