"""The heartbeat tells what the connection was sent, and nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.model.orders import Side
from support.conversation import START_MS, Conversation, House
from support.resuming import SMALL, SYMBOLS, USERS, Message, market, old_reader, place, trade

INTERVAL_MS = 5000


def rows(message: Message) -> list[dict[str, Any]]:
    assert message["type"] == message["channel"] == "heartbeat"
    return list(message["data"]["subscriptions"])


def beat(client: Conversation) -> list[dict[str, Any]]:
    """Return the rows of a heartbeat that comes now."""
    *_, message = client.request("subscribe", channel="heartbeat")
    return rows(message)


def test_it_comes_at_once_and_then_at_intervals() -> None:
    house = market()
    client = house.connect()
    ack, first = client.request("subscribe", channel="heartbeat")
    assert (ack["type"], ack["data"]) == ("subscribed", {"channel": "heartbeat", "subscriptions_remaining": 99})
    assert first["data"] == {"subscriptions": [], "timestamp": START_MS}
    assert first["timestamp"] == START_MS
    client.seen.clear()
    for elapsed_ms, count in ((INTERVAL_MS - 1, 0), (1, 1), (INTERVAL_MS - 1, 1), (1, 2)):
        house.advance(elapsed_ms)
        assert len(client.seen) == count
    assert client.session.deadline_ms == START_MS + 3 * INTERVAL_MS


def test_late_ones_are_not_made_up_for_and_the_rhythm_stays() -> None:
    house = market()
    client = house.connect()
    client.request("subscribe", channel="heartbeat")
    client.seen.clear()
    house.advance(3 * INTERVAL_MS + 100)
    assert len(client.seen) == 1
    house.advance(INTERVAL_MS - 100)
    assert len(client.seen) == 2


def test_it_ends_with_its_subscription() -> None:
    house = market()
    client = house.connect()
    client.request("subscribe", channel="heartbeat")
    assert client.request("list_subscriptions")[0]["data"]["subscriptions"] == [{"channel": "heartbeat"}]
    client.request("unsubscribe", channel="heartbeat")
    client.seen.clear()
    house.advance(INTERVAL_MS)
    assert client.seen == []
    assert client.session.deadline_ms is None


def test_it_does_not_put_off_the_end_of_the_credentials() -> None:
    house = market()
    client = house.connect("alice")
    client.request("subscribe", channel="heartbeat")
    house.advance(3_600_000)
    house.advance(1)
    assert client.closed == 3000


def test_it_comes_last_and_speaks_of_all_the_others_of_its_request() -> None:
    house = market()
    client = house.connect("alice")
    items = [{"channel": "heartbeat"}, {"channel": "account"}, {"channel": "orderbook", "symbol": "BTC/USDT"}]
    *_, last = client.request("subscribe", subscriptions=items)
    assert [row["channel"] for row in rows(last)] == ["account", "orderbook"]


def test_what_nothing_came_of_is_null() -> None:
    client = market().connect("alice")
    items = [
        {"channel": "trades", "symbol": "BTC/USDT"},
        {"channel": "kline", "symbol": "BTC/USDT", "interval": "3m"},
        {"channel": "orders"},
    ]
    client.request("subscribe", subscriptions=items)
    assert beat(client) == [
        {"channel": "trades", "symbol": "BTC/USDT", "last_id": None, "last_event_time": None},
        {"channel": "kline", "symbol": "BTC/USDT", "interval": "3m", "last_id": None, "last_event_time": None},
        {"channel": "orders", "last_id": None, "sequence": None, "last_event_time": None},
    ]


def test_what_came_before_the_subscription_does_not_count() -> None:
    house = market()
    other, client = house.connect(), house.connect()
    for subscriber in (other, client):
        trade(house)
        subscriber.request("subscribe", channel="trades", symbol="BTC/USDT")
    assert [row["last_id"] for row in beat(other) + beat(client)] == ["trades:BTC/USDT:2", None]


def test_what_was_resumed_counts_while_the_log_is_still_read() -> None:
    house = market(SMALL)
    reader = old_reader(house)
    reader.subscribe(after=reader.last_id)
    seen = []
    while reader.conversation.recalls:
        reader.conversation.recall(1)
        ids = [message["id"] for message in reader.conversation.seen if message["type"] == "trade"]
        seen.append([row["last_id"] for row in beat(reader.conversation)] == [ids[-1] if ids else None])
    assert seen == [True] * len(seen)
    assert len(seen) > 3


# --- whatever happens ---

STREAMS: dict[str, dict[str, Any]] = {
    "ticker": {"channel": "ticker", "symbol": "BTC/USDT"},
    "orderbook": {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 5},
    "trades": {"channel": "trades", "symbol": "BTC/USDT"},
    "past trades": {"channel": "trades", "symbol": "ETH/USDT", "snapshot": 2},
    "kline": {"channel": "kline", "symbol": "BTC/USDT", "interval": "1m"},
    "account": {"channel": "account"},
    "orders": {"channel": "orders"},
    "orders of a symbol": {"channel": "orders", "symbol": "BTC/USDT"},
    "user_trades": {"channel": "user_trades"},
}

PARAMS = ("channel", "symbol", "depth", "interval")

ACTIONS = st.one_of(
    st.tuples(st.just("subscribe"), st.sampled_from(sorted(STREAMS))),
    st.tuples(st.just("subscribe"), st.sampled_from(sorted(STREAMS))),
    st.tuples(st.just("unsubscribe"), st.sampled_from(sorted(STREAMS))),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("rest"), st.sampled_from(USERS)),
    st.tuples(st.just("wait"), st.integers(1, 60_000)),
)


class Follower:
    """A client that notes the last message of each of its subscriptions."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client = house.connect("alice")
        self.last: dict[str, Message | None] = {}

    def act(self, kind: str, argument: Any) -> None:
        before = len(self.client.seen)
        match kind:
            case "subscribe":
                _, *opening = self.client.request("subscribe", **STREAMS[argument])
                self.last[argument] = opening[-1] if opening else self.last.get(argument)
                return
            case "unsubscribe":
                self.client.request("unsubscribe", **STREAMS[argument])
                self.last.pop(argument, None)
                return
            case "trade":
                trade(self.house, 1, argument)
            case "rest":
                place(self.house, argument, Side.BUY, "BTC/USDT", 1, 90)
            case "wait":
                self.house.advance(argument)
        for message in self.client.seen[before:]:
            self.last |= {name: message for name in self.last if belongs(message, STREAMS[name])}


def belongs(message: Message, subscription: dict[str, Any]) -> bool:
    """Whether a message that came by itself is of a subscription."""
    data, names = message["data"], ("symbol", "depth", "interval")
    same = all(data.get(name) == subscription[name] for name in names if name in subscription)
    return same and message["channel"] == subscription["channel"]


@given(actions=st.lists(ACTIONS, min_size=5, max_size=50))
@settings(max_examples=100, deadline=None)
def test_it_tells_the_last_message_of_each_subscription(actions: list[tuple[str, Any]]) -> None:
    follower = Follower(market())
    for kind, argument in actions:
        follower.act(kind, argument)
    told = {tuple(row.get(name) for name in PARAMS): row for row in beat(follower.client)}
    assert told.keys() == {tuple(STREAMS[name].get(param) for param in PARAMS) for name in follower.last}
    for name, last in follower.last.items():
        check(told[tuple(STREAMS[name].get(param) for param in PARAMS)], last)


def check(row: dict[str, Any], last: Message | None) -> None:
    """Assert that `row` is about this message, or about none."""
    data = last["data"] if last else {}
    assert row["last_id"] == (last["id"] if last else None)
    assert ("sequence" in row) == (row["channel"] in ("orderbook", "account", "orders", "user_trades"))
    assert row.get("sequence") == (data.get("sequence") if "sequence" in row else None)
    if row["channel"] != "kline":
        assert row["last_event_time"] == data.get("timestamp", data.get("updated_at"))
    elif last:
        assert data["open_time"] <= row["last_event_time"] <= data["close_time"]


@pytest.mark.parametrize("extra", [{"symbol": "nonsense"}, {"after": "anything"}])
def test_what_it_has_no_use_for_is_ignored(extra: dict[str, str]) -> None:
    ack, message = market().connect().request("subscribe", channel="heartbeat", **extra)
    assert ack["type"] == "subscribed"
    assert rows(message) == []
