"""Hubs and pacing that were saved and loaded; `tests/snapshots` looks at all channels together."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from channels.feed import EVERYTHING, INSTRUMENTS, Feed, Market
from finalex.channels.channel import SavedChannel
from finalex.channels.hub import Hub, SavedHub
from finalex.channels.pacing import Pacing, SavedPacing
from finalex.model.events import Batch
from finalex.model.orders import Side
from finalex.protocol.messages import KlineData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

INTERVAL_MS = 100
SYMBOLS = ("a", "b", "c")


@given(
    st.lists(st.tuples(st.sampled_from((0, 1, 50, 99, 100, 101, 300)), st.lists(st.sampled_from(SYMBOLS)))),
    st.integers(0, 10),
    st.booleans(),
)
def test_pacing_goes_on_identically_from_any_point(
    drawn: list[tuple[int, list[str]]], cut: int, before_taking: bool
) -> None:
    living, loaded, now_ms = Pacing(INTERVAL_MS), Pacing(INTERVAL_MS), 0
    for number, (elapsed_ms, touched) in enumerate(drawn):
        now_ms += elapsed_ms
        for symbol in touched:
            living.touch(symbol)
            loaded.touch(symbol)
        if number == cut and before_taking:
            loaded = reloaded(living)
        assert loaded.take_due(now_ms) == living.take_due(now_ms)
        if number == cut and not before_taking:
            loaded = reloaded(living)
    assert loaded.save() == living.save()


def reloaded(pacing: Pacing) -> Pacing:
    fresh = Pacing(INTERVAL_MS)
    fresh.load(msgspec.json.decode(msgspec.json.encode(pacing.save()), type=SavedPacing))
    return fresh


def test_a_hold_outlives_a_change_of_the_interval_and_no_more() -> None:
    pacing, other = Pacing(1000), Pacing(10)
    pacing.touch("a")
    assert pacing.take_due(0) == ["a"]
    pacing.touch("a")
    other.load(pacing.save())
    assert other.take_due(999) == []
    assert other.take_due(1000) == ["a"]
    other.touch("a")
    assert other.take_due(1010) == ["a"]


def traded(market: Market) -> None:
    market.fund("ann", "bob")
    market.place("ann", Side.SELL, 20_000, 1000)
    market.place("bob", Side.BUY, 10_000, 1000)


def loaded_from(hub: Hub) -> Hub:
    fresh = Hub(INSTRUMENTS)
    fresh.load(msgspec.json.decode(msgspec.json.encode(hub.save()), type=SavedHub))
    return fresh


def test_a_hub_knows_its_place_in_the_log_again() -> None:
    market = Market()
    traded(market)
    hub = loaded_from(market.hub)
    assert (hub.sequence, hub.time_ms) == (market.hub.sequence, market.hub.time_ms)
    assert hub.open_orders("ann") == market.hub.open_orders("ann") != []


def test_a_new_hub_loaded_from_a_new_hub_is_a_new_hub() -> None:
    hub = loaded_from(Hub(INSTRUMENTS))
    assert msgspec.json.encode(hub.save()) == msgspec.json.encode(Hub(INSTRUMENTS).save())


def test_what_a_clock_causes_is_not_repeated_within_a_minute() -> None:
    feed = Feed()
    feed.batch(feed.traded(100, time_ms=feed.now_ms + 59_000))
    hub = loaded_from(feed.hub)
    batch = Batch(sequence=2, time_ms=feed.now_ms + 60_000, events=())
    minutes = [p.data for p in hub.apply(batch, EVERYTHING) if p.id.startswith("kline:BTC/USDT:1m")]
    assert [isinstance(data, KlineData) and data.is_closed for data in minutes] == [True, False]


def test_events_of_unknown_symbols_stay_counted() -> None:
    feed = Feed()
    feed.batch(feed.traded(100, symbol="DOGE/USDT"))
    assert loaded_from(feed.hub).counters() == feed.hub.counters()
    assert loaded_from(feed.hub).unknown_symbol_events == 1


def test_the_id_of_an_account_is_that_of_its_last_change() -> None:
    market = Market()
    traded(market)
    market.batch()
    opened = loaded_from(market.hub).opening(*account_of("bob"))
    assert [p.id for p in opened] == [p.id for p in market.opening("account", "bob")]


def account_of(user: str) -> tuple[Stream, Subscription]:
    return Stream("account", user=user), Subscription("account")


def test_every_channel_saves_what_it_says() -> None:
    market = Market()
    traded(market)
    for channel in market.hub.channels.values():
        assert type(channel.save()) is channel.saved
        assert isinstance(channel.save(), SavedChannel)
