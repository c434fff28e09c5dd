"""What is loaded from a snapshot goes on as if there had been none."""

from collections.abc import Sequence
from functools import cache
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from channels.feed import EVERYTHING, NOTHING
from exchange.venue import bitcoin, ether
from finalex.channels.hub import Hub
from finalex.exchange.accounts import FEES_USER
from finalex.model.events import Batch
from finalex.model.instruments import Instrument, Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import DEPTHS, INTERVALS, Stream
from finalex.snapshots.errors import IncompatibleInstrumentsError, SnapshotDamagedError
from finalex.snapshots.snapshot import Snapshot, restore, take_snapshot
from snapshots.continued import check_continuation
from snapshots.logs import INSTRUMENTS, OUTSIDE, TRADED, USERS, Writer, steps, written
from support.replays import FUTURES_BTC, replay
from support.simulations import Simulation

STREAMS = (
    *(Stream(channel, symbol) for channel in ("ticker", "trades") for symbol in INSTRUMENTS),
    *(Stream("orderbook", symbol, depth=depth) for symbol in INSTRUMENTS for depth in DEPTHS),
    *(Stream("kline", symbol, interval=interval) for symbol in INSTRUMENTS for interval in INTERVALS),
    *(Stream(channel, user=user) for channel in ("account", "orders", "user_trades") for user in USERS),
    *(Stream(channel, "BTC/USDT", user=user) for channel in ("orders", "user_trades") for user in USERS),
)


@given(steps, st.data())
@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
def test_a_hub_loaded_at_any_point_goes_on_as_the_one_that_was_saved(drawn: list[bytes], data: st.DataObject) -> None:
    batches = written(drawn)
    sequences = [batch.sequence for batch in batches]
    cuts = data.draw(st.lists(st.sampled_from(sequences), min_size=1, max_size=4))
    wanted = data.draw(st.sampled_from((EVERYTHING, NOTHING)) | st.sets(st.sampled_from(STREAMS)))
    event(f"cut in the first half: {min(cuts) < sequences[len(sequences) // 2]}")
    check_continuation(batches, cuts, INSTRUMENTS, wanted, USERS)


def test_a_simulated_exchange_goes_on_from_any_point() -> None:
    users = ("sim-maker-1", "sim-trader-1", FEES_USER)
    simulation = Simulation(seed=5, history_hours=1).run(seconds=15)
    cuts = Random(1).sample([batch.sequence for batch in simulation.batches], 4)
    check_continuation(simulation.batches, cuts, DEFAULT_INSTRUMENTS, EVERYTHING, users)


def test_a_recorded_market_goes_on_from_any_point() -> None:
    batches: list[Batch] = []
    replay(FUTURES_BTC, lambda _, batch: batches.append(batch))
    cuts = Random(2).sample([batch.sequence for batch in batches], 3)
    streams = (Stream("ticker", "BTC/USDT"), Stream("orderbook", "BTC/USDT", depth=50), Stream("trades", "BTC/USDT"))
    wanted = {*streams, *(Stream("kline", "BTC/USDT", interval=interval) for interval in INTERVALS)}
    check_continuation(batches, cuts, DEFAULT_INSTRUMENTS, wanted)


def apply(hub: Hub, batches: Sequence[Batch]) -> None:
    for batch in batches:
        hub.apply(batch, NOTHING)


@cache
def busy() -> Snapshot:
    """Return a snapshot of markets in which something has happened."""
    writer, random = Writer(), Random(3)
    for _ in range(200):
        writer.step(random.randbytes(8))
    for side, price in ((Side.BUY, 10), (Side.SELL, 30)):
        for symbol, quantity in TRADED.items():
            writer.place("ann", symbol, side, 10 * quantity, price)
    hub = Hub(INSTRUMENTS)
    apply(hub, writer.batches)
    assert all(any(hub.state.resting(symbol, side)) for symbol in TRADED for side in Side)
    return take_snapshot(hub)


def configured(**changed: Instrument) -> Instruments:
    """Return the instruments with some of them changed, named by their base and quote."""
    return Instruments(changed.get(symbol.replace("/", ""), instrument) for symbol, instrument in INSTRUMENTS.items())


def test_a_new_market_starts_empty_beside_those_that_go_on() -> None:
    snapshot = busy()
    hub = Hub(Instruments([ether("CHF"), *INSTRUMENTS.values()]))
    restore(snapshot, hub)
    assert hub.opening(Stream("ticker", "ETH/CHF"), Subscription("ticker", "ETH/CHF")) == []
    assert hub.opening(Stream("ticker", OUTSIDE[0]), Subscription("ticker", OUTSIDE[0])) != []
    assert hub.state.state_hash() == snapshot.state_hash
    apply(hub, [Batch(sequence=hub.sequence + 1, time_ms=hub.time_ms + 86_400_000, events=())])


def test_a_market_cannot_be_removed() -> None:
    fewer = Instruments(list(INSTRUMENTS.values())[:-1])
    with pytest.raises(IncompatibleInstrumentsError, match="ETH/EUR is a market of this data directory"):
        restore(busy(), Hub(fewer))


@pytest.mark.parametrize(
    ("name", "decimals"),
    [("price_decimals", 3), ("price_decimals", 1), ("quantity_decimals", 5), ("quantity_decimals", 3)],
)
def test_the_decimals_of_a_market_cannot_change(name: str, decimals: int) -> None:
    other = msgspec.structs.replace(bitcoin(), **{name: decimals, "tick_size": 1000, "lot_size": 1000})
    was = getattr(bitcoin(), name)
    with pytest.raises(IncompatibleInstrumentsError, match=f"BTC/USDT has {name} {decimals} in .*, but {was} in this"):
        restore(busy(), Hub(configured(BTCUSDT=other)))


def test_fees_bounds_and_finer_steps_may_change() -> None:
    snapshot = busy()
    other = msgspec.structs.replace(
        bitcoin(), tick_size=25, lot_size=5, price_min=50, quantity_max=2_000_000, notional_min=1, taker_fee_ppm=7
    )
    hub = Hub(configured(BTCUSDT=other))
    restore(snapshot, hub)
    assert hub.state.state_hash() == snapshot.state_hash


@pytest.mark.parametrize("step", [{"tick_size": 150}, {"lot_size": 30}])
def test_steps_may_not_become_coarser_than_an_open_order(step: dict[str, int]) -> None:
    other = msgspec.structs.replace(bitcoin(), **step)
    with pytest.raises(IncompatibleInstrumentsError, match=r"BTC/USDT has an open order of .* at .* not on"):
        restore(busy(), Hub(configured(BTCUSDT=other)))


def test_steps_may_become_coarser_if_every_open_order_keeps_to_them() -> None:
    writer = Writer()
    hub = Hub(INSTRUMENTS)
    apply(hub, writer.batches)
    other = Hub(configured(BTCUSDT=msgspec.structs.replace(bitcoin(), tick_size=5000)))
    restore(take_snapshot(hub), other)
    assert other.state.state_hash() == hub.state.state_hash()


def test_what_does_not_make_the_state_it_was_taken_of_is_damaged() -> None:
    snapshot = busy()
    exchange = msgspec.structs.replace(snapshot.hub.exchange, next_order=snapshot.hub.exchange.next_order + 1)
    other = msgspec.structs.replace(snapshot, hub=msgspec.structs.replace(snapshot.hub, exchange=exchange))
    with pytest.raises(SnapshotDamagedError, match="does not make the state it was taken of"):
        restore(other, Hub(INSTRUMENTS))


def test_a_channel_that_cannot_be_read_is_damage() -> None:
    snapshot = busy()
    channels = {**snapshot.hub.channels, "trades": msgspec.Raw(b'{"tapes": 7}')}
    other = msgspec.structs.replace(snapshot, hub=msgspec.structs.replace(snapshot.hub, channels=channels))
    with pytest.raises(SnapshotDamagedError, match="cannot be understood"):
        restore(other, Hub(INSTRUMENTS))


def test_channels_that_came_or_went_since_are_left_alone() -> None:
    snapshot = busy()
    channels = {name: raw for name, raw in snapshot.hub.channels.items() if name != "trades"}
    channels["gossip"] = msgspec.Raw(b"{}")
    hub = Hub(INSTRUMENTS)
    restore(msgspec.structs.replace(snapshot, hub=msgspec.structs.replace(snapshot.hub, channels=channels)), hub)
    asked = Subscription("trades", OUTSIDE[0], snapshot=10)
    assert hub.opening(Stream("trades", OUTSIDE[0]), asked) == []


def test_a_snapshot_follows_no_later_change() -> None:
    writer, hub = Writer(), Hub(INSTRUMENTS)
    apply(hub, writer.batches)
    snapshot = take_snapshot(hub)
    before = msgspec.json.encode(snapshot)
    random = Random(4)
    for _ in range(100):
        writer.step(random.randbytes(8))
    apply(hub, writer.batches[len(USERS) * 3 :])
    assert msgspec.json.encode(snapshot) == before
    assert msgspec.json.encode(take_snapshot(hub)) != before
