"""The hub: the order of publications, what a subscription may ask, and independence from who listens."""

import pytest

from channels.feed import EVERYTHING, INSTRUMENTS, NOTHING, START_MS, Feed, Market, of
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import DEPTHS, HISTORY_MAX, INTERVALS, Stream

SYMBOL = "BTC/USDT"
LONG = "x" * 1000


@pytest.mark.parametrize(
    ("subscription", "stream"),
    [
        (Subscription("ticker", SYMBOL), Stream("ticker", SYMBOL)),
        (Subscription("ticker", SYMBOL, depth=7, interval="1x", history=-1), Stream("ticker", SYMBOL)),
        (Subscription("orderbook", SYMBOL), Stream("orderbook", SYMBOL, depth=20)),
        *[(Subscription("orderbook", SYMBOL, depth=d), Stream("orderbook", SYMBOL, depth=d)) for d in DEPTHS],
        (Subscription("trades", SYMBOL, snapshot=HISTORY_MAX), Stream("trades", SYMBOL)),
        (Subscription("kline", SYMBOL), Stream("kline", SYMBOL, interval="1m")),
        *[(Subscription("kline", SYMBOL, interval=i), Stream("kline", SYMBOL, interval=i)) for i in INTERVALS],
        (Subscription("account", SYMBOL), Stream("account", user="ann")),
        (Subscription("orders"), Stream("orders", user="ann")),
        (Subscription("orders", SYMBOL, snapshot=True), Stream("orders", SYMBOL, user="ann")),
        (Subscription("user_trades", snapshot=0), Stream("user_trades", user="ann")),
        (Subscription("user_trades", SYMBOL), Stream("user_trades", SYMBOL, user="ann")),
    ],
)
def test_a_subscription_names_a_stream(subscription: Subscription, stream: Stream) -> None:
    assert Feed().hub.stream(subscription, "ann") == stream


@pytest.mark.parametrize(
    ("subscription", "code", "details"),
    [
        (Subscription("invalid_channel"), ErrorCode.INVALID_CHANNEL, "Channel 'invalid_channel' does not exist"),
        (Subscription(""), ErrorCode.INVALID_CHANNEL, "Channel '' does not exist"),
        (Subscription(LONG), ErrorCode.INVALID_CHANNEL, f"Channel '{'x' * 64}…' does not exist"),
        (Subscription("ticker"), ErrorCode.INVALID_PARAMS, "'symbol' is missing, for instance 'BTC/USDT'"),
        (
            Subscription("ticker", "btcusdt"),
            ErrorCode.INVALID_SYMBOL,
            "Symbol 'btcusdt' does not exist; did you mean 'BTC/USDT'?",
        ),
        (
            Subscription("orders", ""),
            ErrorCode.INVALID_SYMBOL,
            "Symbol '' does not exist; symbols look like 'BTC/USDT'",
        ),
        (
            Subscription("user_trades", LONG),
            ErrorCode.INVALID_SYMBOL,
            f"Symbol '{'x' * 64}…' does not exist; symbols look like 'BTC/USDT'",
        ),
        (
            Subscription("orderbook", SYMBOL, depth=7),
            ErrorCode.INVALID_DEPTH,
            "Depth '7' is not one of: 5, 10, 20, 50, 100, 200, 500, 1000",
        ),
        (
            Subscription("kline", SYMBOL, interval="1H"),
            ErrorCode.INVALID_INTERVAL,
            "Interval '1H' is not one of: 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M",
        ),
        (
            Subscription("trades", SYMBOL, snapshot=HISTORY_MAX + 1),
            ErrorCode.INVALID_PARAMS,
            "'snapshot' must be a whole number from 0 to 1000",
        ),
        (
            Subscription("user_trades", snapshot=True),
            ErrorCode.INVALID_PARAMS,
            "'snapshot' must be a whole number from 0 to 1000",
        ),
        (
            Subscription("kline", SYMBOL, history=-1),
            ErrorCode.INVALID_PARAMS,
            "'history' must be a whole number from 0 to 1000",
        ),
        (Subscription("orders", snapshot=1), ErrorCode.INVALID_PARAMS, "'snapshot' must be true or false"),
    ],
)
def test_a_wrong_parameter_is_named(subscription: Subscription, code: ErrorCode, details: str) -> None:
    with pytest.raises(RequestError) as raised:
        Feed().hub.stream(subscription, "ann")
    assert (raised.value.code, raised.value.details) == (code, details)


@pytest.mark.parametrize("channel", ["account", "orders", "user_trades"])
def test_a_private_channel_needs_a_user_before_anything_else(channel: str) -> None:
    with pytest.raises(RequestError) as raised:
        Feed().hub.stream(Subscription(channel, "no such symbol", snapshot=-1), None)
    assert raised.value.code is ErrorCode.AUTHENTICATION_REQUIRED


def test_the_channels_are_those_of_the_protocol() -> None:
    channels = Feed().hub.channels
    assert {name for name, channel in channels.items() if not channel.private} == {
        "ticker", "orderbook", "trades", "kline", "status",
    }  # fmt: skip
    assert {name for name, channel in channels.items() if channel.private} == {"account", "orders", "user_trades"}


def test_the_clock_comes_first_then_events_then_what_is_due_then_accounts() -> None:
    market = Market()
    market.fund("ann", "bob")
    market.place("ann", Side.SELL, 100_000, 1000)
    market.place("bob", Side.BUY, 10_000, 1000)
    market.after(START_MS + 59_500 - market.now_ms).batch()
    published = market.place("bob", Side.BUY, 10_000, 1000)
    kinds = [f"{publication.type}:{publication.streams[0].depth or ''}" for publication in published]
    closed = kinds.index("order_update:")
    assert set(kinds[:closed]) == {"kline:"}
    assert kinds[closed : closed + 3] == ["order_update:", "trade:", "orderbook_update:5"]
    assert kinds[-3:] == ["ticker:", "account_update:", "account_update:"]


def test_events_of_unknown_symbols_are_counted_and_nothing_else() -> None:
    feed = Feed()
    assert feed.batch(feed.traded(100, symbol="DOGE/USDT"), feed.reset(symbol="DOGE/USDT")) == []
    assert feed.hub.counters()["unknown_symbol_events"] == 2


def test_the_hub_knows_its_place_in_the_log() -> None:
    feed = Feed()
    assert (feed.hub.sequence, feed.hub.time_ms) == (0, 0)
    feed.batch()
    feed.after(5).batch()
    assert (feed.hub.sequence, feed.hub.time_ms) == (2, START_MS + 5)
    assert feed.hub.instruments is INSTRUMENTS


def test_an_idle_batch_publishes_nothing() -> None:
    feed = Feed()
    feed.batch(feed.traded(100), feed.reset([(1, 1)], [(2, 1)]))
    feed.after(1000).batch()
    assert feed.after(1).batch() == []


def busy_day(market: Market) -> list[Publication]:
    """Trade, rest, cancel and wait, and return everything published."""
    market.fund("ann", "bob")
    for turn in range(40):
        market.place("ann", Side.SELL, 20_000, 1000 + 50 * (turn % 3))
        market.place("bob", Side.BUY, 10_000 + 100 * turn, 900 + 50 * (turn % 5))
        if turn % 7 == 0:
            market.send(CancelAllOrders(user="bob"), after_ms=20)
            market.after(90_000).batch()
    return market.seen


def test_what_is_published_does_not_depend_on_who_listens() -> None:
    everything = busy_day(Market(EVERYTHING))
    wanted = {Stream("ticker", SYMBOL), Stream("kline", SYMBOL, interval="3m"), Stream("orderbook", SYMBOL, depth=5)}
    wanted |= {Stream("orders", SYMBOL, user="bob"), Stream("account", user="ann")}
    assert busy_day(Market(wanted)) == [p for p in everything if wanted.intersection(p.streams)]
    assert busy_day(Market(NOTHING)) == []


def test_the_current_state_does_not_depend_on_who_listened() -> None:
    hubs = [Market(EVERYTHING), Market(NOTHING)]
    for market in hubs:
        busy_day(market)
    for subscription in (
        Subscription("ticker", SYMBOL),
        Subscription("orderbook", SYMBOL, depth=10),
        Subscription("trades", SYMBOL, snapshot=1000),
        Subscription("kline", SYMBOL, interval="5m", history=1000),
        Subscription("account"),
        Subscription("orders"),
        Subscription("user_trades", snapshot=1000),
    ):
        first, second = (m.hub.opening(m.hub.stream(subscription, "bob"), subscription) for m in hubs)
        assert first == second
        assert first


def test_ids_are_unique() -> None:
    published = busy_day(Market())
    assert len({(p.id, *p.streams) for p in published}) == len(published)
    assert len(of(published, "trade")) > 5
