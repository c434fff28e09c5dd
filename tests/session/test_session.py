"""A conversation from the first message to the last."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.streams import INTERVALS
from finalex.session.auth import Credentials
from finalex.session.limits import Limits
from finalex.session.placed import PLACED_MAX
from support.conversation import START_MS, House, token

MINUTE_MS = 60_000
LIMIT = {"symbol": "BTC/USDT", "type": "limit"}


@pytest.fixture
def house() -> House:
    """Return an exchange where alice has coins and bob has money."""
    house = House()
    house.fund("alice", BTC=10)
    house.fund("bob", USDT=1_000_000)
    return house


def only(messages: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(messages) == 1, messages
    return messages[0]


def code(messages: list[dict[str, Any]]) -> str:
    message = only(messages)
    assert message["type"] == "error", message
    return str(message["data"]["code"])


# --- connecting ---


def test_an_anonymous_connection_is_told_its_limits(house: House) -> None:
    status = only(house.connect().seen)
    assert status["type"] == "connection_status"
    assert status["timestamp"] == status["data"]["server_time"] == START_MS
    assert status["data"]["status"] == "connected"
    assert status["data"]["authenticated"] is False
    assert status["data"]["rate_limits"] == {
        "subscriptions_remaining": 100,
        "private_subscriptions_remaining": 50,
        "connections_remaining": 9,
    }


def test_a_user_is_connected_and_gets_an_account(house: House) -> None:
    client = house.connect("alice")
    assert only(client.seen)["data"]["authenticated"] is True
    assert client.opened == ["alice"]


def test_bad_credentials_get_an_error_and_the_end(house: House) -> None:
    client = house.connect(token="nonsense")
    assert code(client.seen) == "INVALID_TOKEN"
    assert client.closed == 3000
    assert client.request("ping") == []


def test_credentials_given_twice_are_bad(house: House) -> None:
    assert house.connect(token=token("alice"), repeated=True).closed == 3000
    assert house.connect(token=token("alice"), api_key="pk_live_x").closed == 3000


def test_a_connection_too_many_gets_an_error_and_the_end(house: House) -> None:
    client = house.connect()
    client.seen.clear()
    client.carry_out(client.session.refuse_connection(house.now_ms))
    assert code(client.seen) == "CONNECTION_LIMIT"
    assert client.closed == 1008


def test_a_restart_is_announced(house: House) -> None:
    client = house.connect()
    client.carry_out(client.session.notify_closing(1500, house.now_ms))
    assert client.seen[-1]["data"]["status"] == "closing"
    assert client.seen[-1]["data"]["reconnect_after_ms"] == 1500
    assert client.closed == 1012


# --- credentials that change or expire ---


def test_a_token_that_expires_is_announced_a_minute_ahead_and_ends_the_connection(house: House) -> None:
    client = house.connect(token=token("alice", expires_ms=START_MS + 2 * MINUTE_MS))
    house.advance(MINUTE_MS - 1)
    assert len(client.seen) == 1
    house.advance(1)
    assert client.seen[-1]["data"]["status"] == "token_expiring"
    assert client.seen[-1]["data"]["expires_at"] == START_MS + 2 * MINUTE_MS
    house.advance(MINUTE_MS - 1)
    assert client.closed is None
    house.advance(1)
    assert client.seen[-1]["data"]["code"] == "INVALID_TOKEN"
    assert client.closed == 3000


def test_a_new_token_before_that_keeps_the_connection(house: House) -> None:
    client = house.connect(token=token("alice", expires_ms=START_MS + 2 * MINUTE_MS))
    house.advance(MINUTE_MS)
    reply = only(client.request("auth", token=token("alice", expires_ms=START_MS + 9 * MINUTE_MS)))
    assert reply["type"] == "authenticated"
    assert reply["data"] == {"user": "alice", "scopes": ["read", "trade"], "expires_at": START_MS + 9 * MINUTE_MS}
    house.advance(2 * MINUTE_MS)
    assert client.closed is None


def test_one_can_log_in_on_an_open_connection(house: House) -> None:
    client = house.connect()
    assert code(client.request("subscribe", channel="account")) == "AUTHENTICATION_REQUIRED"
    client.request("auth", token=token("alice"))
    assert client.opened == ["alice"]
    assert client.request("subscribe", channel="account")[0]["type"] == "subscribed"


def test_bad_credentials_on_an_open_connection_change_nothing(house: House) -> None:
    client = house.connect("alice")
    assert code(client.request("auth", token="nonsense")) == "INVALID_TOKEN"
    assert code(client.request("auth", token=token("alice"), api_key="x")) == "INVALID_TOKEN"
    assert code(client.request("auth")) == "INVALID_PARAMS"
    assert client.closed is None
    assert client.request("subscribe", channel="account")[0]["type"] == "subscribed"


def test_a_connection_does_not_change_hands(house: House) -> None:
    assert code(house.connect("alice").request("auth", token=token("bob"))) == "INVALID_TOKEN"


def test_a_new_token_must_still_allow_what_is_subscribed(house: House) -> None:
    client = house.connect("alice")
    client.request("subscribe", channel="account")
    assert code(client.request("auth", token=token("alice", scope="trade"))) == "AUTHENTICATION_REQUIRED"


def test_scopes_are_enforced(house: House) -> None:
    reader = house.connect(token=token("alice", scope="read"))
    assert code(reader.request("cancel_all_orders")) == "AUTHENTICATION_REQUIRED"
    assert code(reader.request("cancel_on_disconnect", enabled=True)) == "AUTHENTICATION_REQUIRED"
    trader = house.connect(token=token("alice", scope="trade"))
    assert code(trader.request("subscribe", channel="orders")) == "AUTHENTICATION_REQUIRED"


# --- replies ---


@pytest.mark.parametrize("request_id", ["abc", 7, 1.5, "ключ", ""])
def test_a_reply_has_the_id_of_its_request(house: House, request_id: object) -> None:
    assert only(house.connect().request("ping", id=request_id))["id"] == request_id
    assert only(house.connect().request("nonsense", id=request_id))["id"] == request_id


def test_a_request_without_an_id_gets_one(house: House) -> None:
    client = house.connect()
    ids = [only(client.send('{"method":"ping"}'))["id"] for _ in range(2)]
    assert len(set(ids)) == 2


def test_a_pong_has_the_time(house: House) -> None:
    assert only(house.connect().request("ping"))["data"] == {"server_time": START_MS}


def test_only_messages_of_a_channel_have_a_channel(house: House) -> None:
    client = house.connect()
    client.request("subscribe", channel="orderbook", symbol="BTC/USDT")
    client.request("nonsense")
    client.request("ping")
    assert [message["type"] for message in client.seen if "channel" in message] == ["orderbook_snapshot"]


def test_an_unknown_channel_is_named_as_in_the_spec(house: House) -> None:
    error = only(house.connect().request("subscribe", channel="invalid_channel", symbol="BTC/USDT"))["data"]
    assert error["details"] == "Channel 'invalid_channel' does not exist"


# --- subscriptions ---


def test_the_ack_comes_first_then_the_state_then_updates(house: House) -> None:
    seller, client = house.connect("alice"), house.connect()
    seller.request("place_order", **LIMIT, side="sell", quantity="1", price="100")
    ack, snapshot = client.request("subscribe", id=5, channel="orderbook", symbol="BTC/USDT", depth=5)
    assert ack["id"] == 5
    assert ack["data"] == {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 5, "subscriptions_remaining": 99}
    assert snapshot["data"]["asks"] == [["100.00", "1.00000000"]]
    seller.request("place_order", **LIMIT, side="sell", quantity="1", price="101")
    assert client.seen[-1]["type"] == "orderbook_update"
    assert client.seen[-1]["data"]["sequence"] == snapshot["data"]["sequence"] + 1


def test_subscribing_again_sends_the_state_again_and_takes_no_place(house: House) -> None:
    client = house.connect()
    for _ in range(2):
        ack, snapshot = client.request("subscribe", channel="orderbook", symbol="BTC/USDT")
        assert ack["data"]["subscriptions_remaining"] == 99
        assert snapshot["type"] == "orderbook_snapshot"
    assert len(client.joined) == 1


def test_a_new_depth_replaces_the_old_one(house: House) -> None:
    client = house.connect()
    client.request("subscribe", channel="orderbook", symbol="BTC/USDT", depth=5)
    ack, snapshot = client.request("subscribe", channel="orderbook", symbol="BTC/USDT", depth=50)
    assert ack["data"]["subscriptions_remaining"] == 99
    assert snapshot["data"]["depth"] == 50
    assert [stream.depth for stream in client.joined] == [50]


def test_unsubscribing_ends_the_messages_and_gives_the_place_back(house: House) -> None:
    client = house.connect()
    client.request("subscribe", channel="orderbook", symbol="BTC/USDT", depth=50)
    reply = only(client.request("unsubscribe", channel="orderbook", symbol="BTC/USDT"))
    assert reply["type"] == "unsubscribed"
    assert reply["data"] == {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 50, "subscriptions_remaining": 100}
    assert client.joined == set()


def test_unsubscribing_from_what_is_not_subscribed_is_acknowledged(house: House) -> None:
    assert only(house.connect().request("unsubscribe", channel="ticker", symbol="BTC/USDT"))["type"] == "unsubscribed"


def test_intervals_are_subscriptions_of_their_own(house: House) -> None:
    client = house.connect()
    for interval in ("1m", "1M"):
        client.request("subscribe", channel="kline", symbol="BTC/USDT", interval=interval)
    assert {stream.interval for stream in client.joined} == {"1m", "1M"}


def test_several_at_once_give_one_result_each_and_a_bad_one_fails_alone(house: House) -> None:
    client = house.connect()
    items = [
        {"channel": "ticker", "symbol": "BTC/USDT"},
        {"channel": "ticker", "symbol": "BTCUSDT"},
        {"channel": "nothing"},
        {"channel": "account"},
        7,
        {"channel": "orderbook", "symbol": "ETH/USDT", "depth": 7},
        {"channel": "kline", "symbol": "ETH/USDT", "interval": "7m"},
        {"channel": "orderbook", "symbol": "ETH/USDT", "depth": 5},
    ]
    ack, snapshot = client.request("subscribe", subscriptions=items)
    results = ack["data"]["results"]
    assert [result.get("error", {}).get("code", "fine") for result in results] == [
        "fine",
        "INVALID_SYMBOL",
        "INVALID_CHANNEL",
        "AUTHENTICATION_REQUIRED",
        "INVALID_PARAMS",
        "INVALID_DEPTH",
        "INVALID_INTERVAL",
        "fine",
    ]
    assert results[1]["symbol"] == "BTCUSDT"
    assert "BTC/USDT" in results[1]["error"]["details"]
    assert snapshot["type"] == "orderbook_snapshot"
    assert len(client.joined) == 2
    (reply,) = client.request("unsubscribe", subscriptions=items)
    assert [("error" in result) for result in reply["data"]["results"]] == [False, *[True] * 6, False]
    assert client.joined == set()


def test_the_list_of_subscriptions_can_be_sent_back(house: House) -> None:
    client, other = house.connect("alice"), house.connect("alice")
    for item in (
        {"channel": "kline", "symbol": "BTC/USDT", "interval": "3d"},
        {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 100},
        {"channel": "orders"},
        {"channel": "user_trades", "symbol": "ETH/BTC"},
    ):
        client.request("subscribe", **item)
    listed = only(client.request("list_subscriptions"))["data"]["subscriptions"]
    other.request("subscribe", subscriptions=listed)
    assert other.joined == client.joined
    assert only(other.request("list_subscriptions"))["data"]["subscriptions"] == listed


# --- limits at their edges ---


def public_items(count: int) -> list[dict[str, str]]:
    """Return that many different public subscriptions."""

    items = [{"channel": "kline", "symbol": s, "interval": i} for s in DEFAULT_INSTRUMENTS for i in INTERVALS]
    return items[:count]


def test_the_100th_public_subscription_is_accepted_and_the_101st_is_not(house: House) -> None:
    client = house.connect()
    items = public_items(101)
    for item in items[:100]:
        ack = client.request("subscribe", **item)[0]
    assert ack["data"]["subscriptions_remaining"] == 0
    assert code(client.request("subscribe", **items[100])) == "SUBSCRIPTION_LIMIT"
    assert client.request("subscribe", **items[0])[0]["type"] == "subscribed"
    client.request("unsubscribe", **items[0])
    assert client.request("subscribe", **items[100])[0]["data"]["subscriptions_remaining"] == 0


def test_the_50th_private_subscription_is_accepted_and_the_51st_is_not() -> None:

    template = DEFAULT_INSTRUMENTS["BTC/USDT"]
    many = Instruments(replace(template, symbol=f"C{number}/USDT") for number in range(60))
    client = House(instruments=many).connect("alice")
    items = [{"channel": "orders", "symbol": symbol} for symbol in list(many)[:51]]
    (ack, *_) = client.request("subscribe", subscriptions=items)
    results = ack["data"]["results"]
    assert results[49]["subscriptions_remaining"] == 0
    assert results[50]["error"]["code"] == "SUBSCRIPTION_LIMIT"
    public = client.request("subscribe", channel="ticker", symbol="C0/USDT")[0]
    assert public["data"]["subscriptions_remaining"] == 99
    client.request("unsubscribe", **items[0])
    assert client.request("subscribe", **items[50])[0]["type"] == "subscribed"


def test_the_1000th_message_is_answered_the_1001st_refused_and_more_dropped(house: House) -> None:
    client = house.connect()
    assert all(only(client.request("ping"))["type"] == "pong" for _ in range(1000))
    assert code(client.request("ping")) == "RATE_LIMIT_EXCEEDED"
    assert client.request("ping") == []
    house.advance(MINUTE_MS - 1)
    assert client.request("ping") == []
    house.advance(1)
    assert only(client.request("ping"))["type"] == "pong"


def test_twice_the_messages_close_the_connection(house: House) -> None:
    client = house.connect()
    for _ in range(2000):
        client.send("not even JSON")
    assert client.closed is None
    client.send("one more")
    assert client.closed == 1008


def test_limits_can_be_set() -> None:
    house = House(Limits(public_subscriptions_max=1, private_subscriptions_max=0, messages_per_minute_max=3))
    client = house.connect("alice")
    client.request("subscribe", channel="ticker", symbol="BTC/USDT")
    assert code(client.request("subscribe", channel="ticker", symbol="ETH/USDT")) == "SUBSCRIPTION_LIMIT"
    assert code(client.request("subscribe", channel="orders")) == "SUBSCRIPTION_LIMIT"
    assert code(client.request("ping")) == "RATE_LIMIT_EXCEEDED"


# --- orders ---


def test_an_accepted_order_is_replied_to_and_seen_on_the_channels(house: House) -> None:
    alice, bob = house.connect("alice"), house.connect("bob")
    for channel in ("orders", "account", "user_trades"):
        alice.request("subscribe", channel=channel)
    sold = alice.request("place_order", **LIMIT, side="sell", quantity="1", price="45678.90", client_order_id="a1")
    reply = next(message for message in sold if message["type"] == "order_accepted")
    assert reply["id"] == "r"
    assert reply["data"]["status"] == "new"
    assert reply["data"]["client_order_id"] == "a1"
    bob.request("place_order", **LIMIT, side="buy", quantity="0.5", price="45678.90")
    update = [message for message in alice.seen if message["type"] == "order_update"][-1]
    assert update["data"]["order_id"] == reply["data"]["order_id"]
    assert update["data"]["status"] == "partially_filled"
    trade = [message for message in alice.seen if message["type"] == "user_trade"][-1]
    assert (trade["data"]["role"], trade["data"]["side"], trade["data"]["fee_currency"]) == ("maker", "sell", "USDT")
    balances = {item["currency"]: item for item in alice.seen[-1]["data"]["balances"]}
    assert balances["BTC"] == {
        "currency": "BTC", "available": "9.00000000", "locked": "0.50000000", "total": "9.50000000",
    }  # fmt: skip


def test_nobody_sees_another_accounts_messages(house: House) -> None:
    alice, bob = house.connect("alice"), house.connect("bob")
    for channel in ("orders", "account", "user_trades"):
        bob.request("subscribe", channel=channel)
    before = len(bob.seen)
    alice.request("place_order", **LIMIT, side="sell", quantity="1", price="45678.90")
    assert len(bob.seen) == before


def test_a_refused_order_has_its_reason(house: House) -> None:
    error = only(house.connect("bob").request("place_order", **LIMIT, side="sell", quantity="1", price="45678.90"))
    assert error["data"]["code"] == "ORDER_REJECTED"
    assert error["data"]["reason"] == "insufficient_funds"


def test_a_repeated_client_order_id_gets_the_first_outcome(house: House) -> None:
    alice = house.connect("alice")
    order = {**LIMIT, "side": "sell", "quantity": "1", "price": "45678.90", "client_order_id": "same"}
    first, second = (only(alice.request("place_order", **order)) for _ in range(2))
    assert first["data"] == second["data"]
    assert len(house.engine.state.open_orders("alice")) == 1


def test_orders_can_be_canceled_by_either_id_and_all_at_once(house: House) -> None:
    alice = house.connect("alice")
    order = {**LIMIT, "side": "sell", "quantity": "1", "price": "45678.90"}
    ids = [only(alice.request("place_order", **order, client_order_id=str(n)))["data"]["order_id"] for n in range(4)]
    assert only(alice.request("cancel_order", order_id=ids[0]))["data"] == {"order_ids": [ids[0]]}
    assert only(alice.request("cancel_order", client_order_id="1"))["data"] == {"order_ids": [ids[1]]}
    assert only(alice.request("cancel_all_orders", symbol="ETH/USDT"))["data"] == {"order_ids": []}
    assert only(alice.request("cancel_all_orders"))["data"] == {"order_ids": ids[2:]}
    assert code(alice.request("cancel_order", order_id=ids[0])) == "NOT_FOUND"


def test_another_accounts_order_cannot_be_canceled(house: House) -> None:
    alice, bob = house.connect("alice"), house.connect("bob")
    placed = only(alice.request("place_order", **LIMIT, side="sell", quantity="1", price="45678.90"))
    assert code(bob.request("cancel_order", order_id=placed["data"]["order_id"])) == "NOT_FOUND"


ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "2"}
BAD_ORDERS: dict[str, dict[str, Any]] = {
    "no price": {"price": None},
    "a price for a market order": {"type": "market"},
    "a GTC market order": {"type": "market", "price": None, "time_in_force": "GTC"},
    "a post-only IOC order": {"post_only": True, "time_in_force": "IOC"},
    "a post-only market order": {"type": "market", "price": None, "post_only": True},
    "a negative quantity": {"quantity": "-1"},
    "an exponent": {"quantity": "1e3"},
    "too many decimals": {"price": "1.001"},
    "a price too large": {"price": "9" * 30},
    "an empty client order id": {"client_order_id": ""},
    "a long client order id": {"client_order_id": "x" * 65},
    "a client order id with a line break": {"client_order_id": "a\nb"},
}


@pytest.mark.parametrize("changes", BAD_ORDERS.values(), ids=BAD_ORDERS)
def test_a_malformed_order_is_refused_before_the_exchange_sees_it(house: House, changes: dict[str, Any]) -> None:
    params = {name: value for name, value in (ORDER | changes).items() if value is not None}
    assert code(house.connect("bob").request("place_order", **params)) == "INVALID_PARAMS"
    assert house.log.append([], house.now_ms).sequence == 3


def test_an_order_for_an_unknown_symbol_names_the_nearest(house: House) -> None:
    error = only(house.connect("bob").request("place_order", **ORDER | {"symbol": "btcusdt"}))["data"]
    assert error["code"] == "INVALID_SYMBOL"
    assert "BTC/USDT" in error["details"]


def test_a_cancel_names_exactly_one_order(house: House) -> None:
    bob = house.connect("bob")
    assert code(bob.request("cancel_order")) == "INVALID_PARAMS"
    assert code(bob.request("cancel_order", order_id="x", client_order_id="y")) == "INVALID_PARAMS"
    assert code(bob.request("cancel_order", order_id="no such")) == "NOT_FOUND"


# --- the end of the connection ---


def test_cancel_on_disconnect_cancels_the_orders_of_this_connection_only(house: House) -> None:
    first, second = house.connect("alice"), house.connect("alice")
    order = {**LIMIT, "side": "sell", "quantity": "1", "price": "45678.90"}
    assert only(first.request("cancel_on_disconnect", enabled=True))["data"] == {"enabled": True}
    first.request("place_order", **order)
    second.request("place_order", **order)
    first.disconnect()
    second.disconnect()
    assert len(house.engine.state.open_orders("alice")) == 1


def test_without_it_orders_stay(house: House) -> None:
    client = house.connect("alice")
    client.request("cancel_on_disconnect", enabled=True)
    client.request("cancel_on_disconnect", enabled=False)
    client.request("place_order", **LIMIT, side="sell", quantity="1", price="45678.90")
    client.disconnect()
    assert len(house.engine.state.open_orders("alice")) == 1


def test_an_order_accepted_after_its_connection_ended_is_canceled_too(house: House) -> None:
    client = house.connect("alice")
    client.request("cancel_on_disconnect", enabled=True)
    text = json.dumps({"method": "place_order", "params": {**ORDER, "side": "sell", "price": "45678.90"}})
    late = client.session.receive(text, house.now_ms)
    client.disconnect()
    client.carry_out(late)
    assert house.engine.state.open_orders("alice") == []


def test_orders_that_ended_are_not_remembered_for_ever() -> None:
    house = House(Limits(messages_per_minute_max=10**6))
    house.fund("alice", BTC=10)
    client = house.connect("alice")
    client.request("cancel_on_disconnect", enabled=True)
    order = {**LIMIT, "side": "sell", "quantity": "0.001", "price": "45678.90"}
    kept = only(client.request("place_order", **order))["data"]["order_id"]
    for _ in range(PLACED_MAX):
        placed = only(client.request("place_order", **order))["data"]["order_id"]
        client.request("cancel_order", order_id=placed)
    assert [effect.command.order_id for effect in client.session.disconnect()[:1]] == [kept]  # type: ignore[union-attr]
    assert len(client.session.disconnect()) < 3


def test_presented_credentials_are_not_kept() -> None:
    client = House().connect("alice")
    kept = [getattr(client.session, name) for name in client.session.__slots__]
    assert not any(isinstance(value, Credentials) for value in kept)
