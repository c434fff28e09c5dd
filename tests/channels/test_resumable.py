"""What memory tells since a place is all that followed, or it says that it does not know."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.feed import INSTRUMENTS, Market, of
from finalex.channels.hub import Hub, SavedHub
from finalex.channels.journal import Memory
from finalex.channels.places import OpeningPlace, TradePlace, batch_end
from finalex.channels.resumable import Missing
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

USERS = ("ann", "bob")
SMALL = Memory(trades_max=4, account_max=4, updates_max=6, fills_max=6)
PRIVATE = [Stream(channel, symbol, user="ann") for channel in ("orders", "user_trades") for symbol in ("", "ETH/USDT")]
STREAMS = [Stream("trades", "BTC/USDT"), *PRIVATE]
ORDERS = PRIVATE[0]

COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(("place", "place", "cancel", "wait")),
        st.sampled_from(USERS),
        st.sampled_from(Side),
        st.sampled_from(("BTC/USDT", "ETH/USDT")),
    ),
    max_size=30,
)


def play(market: Market, commands: Sequence[tuple[str, str, Side, str]]) -> None:
    market.fund(*USERS)
    for kind, user, side, symbol in commands:
        match kind:
            case "place":
                quantity, price = (10_000, 1000) if symbol == "BTC/USDT" else (1, 10)
                market.place(user, side, quantity, price, symbol=symbol)
            case "cancel":
                market.send(CancelAllOrders(user=user))
            case _:
                market.after(100).batch()


def ids(told: list[Publication] | Missing) -> list[str] | Missing:
    return told if isinstance(told, Missing) else [publication.id for publication in told]


def since(hub: Hub, stream: Stream, text: str) -> list[Publication] | Missing:
    place = hub.place(stream, text)
    assert place is not None
    return hub.since(stream, place)


@given(commands=COMMANDS, small=st.booleans())
@settings(max_examples=50, deadline=None)
def test_since_a_message_comes_exactly_what_followed_it_or_nothing_is_known(
    commands: list[tuple[str, str, Side, str]], *, small: bool
) -> None:
    market = Market(memory=SMALL if small else None)
    play(market, commands)
    for stream in STREAMS:
        published = [publication for publication in market.seen if stream in publication.streams]
        for number, message in enumerate(published, 1):
            told = since(market.hub, stream, message.id)
            assert told == published[number:] or (small and told is Missing.OLD)
        if published and not (stream.private and stream.symbol):
            assert since(market.hub, stream, published[-1].id) == []


@given(commands=COMMANDS)
@settings(max_examples=40, deadline=None)
def test_a_hub_that_was_saved_and_loaded_tells_the_same(commands: list[tuple[str, str, Side, str]]) -> None:
    market = Market(memory=SMALL)
    play(market, commands)
    loaded = Hub(INSTRUMENTS, memory=SMALL)
    loaded.load(msgspec.json.decode(msgspec.json.encode(market.hub.save()), type=SavedHub))
    for stream in STREAMS:
        for message in (publication for publication in market.seen if stream in publication.streams):
            assert since(loaded, stream, message.id) == since(market.hub, stream, message.id)
        if stream in PRIVATE:
            for sequence in range(market.hub.sequence + 2):
                told = [hub.since(stream, batch_end(sequence)) for hub in (loaded, market.hub)]
                assert told[0] == told[1]


@pytest.fixture
def market() -> Market:
    made = Market()
    made.fund("ann", "bob")
    return made


def test_what_has_not_happened_yet_is_the_future(market: Market) -> None:
    market.place("ann", Side.SELL, 10_000, 1000)
    market.place("bob", Side.BUY, 10_000, 1000)
    assert since(market.hub, STREAMS[0], "trades:BTC/USDT:2") is Missing.FUTURE
    assert since(market.hub, PRIVATE[2], "user_trades:BTC/USDT:2") is Missing.FUTURE
    assert since(market.hub, ORDERS, f"orders:{market.hub.sequence + 1}-0") is Missing.FUTURE
    assert since(market.hub, ORDERS, f"orders:{market.hub.sequence + 1}-0:snapshot") is Missing.FUTURE


def test_an_account_without_messages_has_missed_none(market: Market) -> None:
    market.place("ann", Side.SELL, 10_000, 1000)
    market.place("bob", Side.BUY, 10_000, 1000)
    for channel, text in (("orders", "orders:1-0"), ("user_trades", "user_trades:BTC/USDT:1")):
        assert since(market.hub, Stream(channel, user="cat"), text) == []


def test_a_trade_of_others_is_no_place_that_memory_knows(market: Market) -> None:
    market.fund("cat")
    for taker in ("ann", "cat"):
        market.place("bob", Side.SELL, 10_000, 1000)
        market.place(taker, Side.BUY, 10_000, 1000)
    assert since(market.hub, PRIVATE[2], "user_trades:BTC/USDT:2") is Missing.OLD


def test_after_the_last_open_order_only_updates_follow_and_before_it_only_the_log_knows(market: Market) -> None:
    for price in (1000, 950):
        market.place("ann", Side.BUY, 10_000, price)
    first, last = [publication.id for publication in market.opening("orders", "ann")]
    assert since(market.hub, ORDERS, last) == []
    assert since(market.hub, ORDERS, first) is Missing.OLD
    update = of(market.place("ann", Side.BUY, 10_000, 900), "order_update")
    assert since(market.hub, ORDERS, last) == update
    canceled = of(market.send(CancelAllOrders(user="ann")), "order_update")
    assert since(market.hub, ORDERS, last) == update + canceled
    assert since(market.hub, ORDERS, first) is Missing.OLD


def test_open_orders_of_another_symbol_do_not_follow(market: Market) -> None:
    market.place("ann", Side.BUY, 1, 10, symbol="ETH/USDT")
    market.place("ann", Side.BUY, 10_000, 1000)
    (opening,) = market.opening("orders", "ann", symbol="ETH/USDT")
    assert since(market.hub, PRIVATE[1], opening.id) == []
    assert since(market.hub, ORDERS, opening.id) is Missing.OLD


def test_a_channel_without_places_has_none(market: Market) -> None:
    for subscription in (Subscription("account"), Subscription("ticker", "BTC/USDT")):
        assert market.hub.place(market.hub.stream(subscription, "ann"), "anything") is None


def test_what_was_missed_ends_where_the_hub_is(market: Market) -> None:
    market.place("ann", Side.SELL, 10_000, 1000)
    market.place("bob", Side.BUY, 10_000, 1000)
    want = market.hub.want(STREAMS[0], TradePlace("BTC/USDT", 0))
    assert (want.number, want.until) == (1, TradePlace("BTC/USDT", 1))
    want = market.hub.want(ORDERS, OpeningPlace(1, 1))
    assert (want.number, want.until) == (7, batch_end(market.hub.sequence))
