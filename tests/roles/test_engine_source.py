"""What engines' sources do when another engine takes over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.engines import EngineCluster, engine_cluster, failed, leads, led
from finalex.model.events import Traded
from finalex.starting import StartError
from log.jetstream.written import until
from support.binance import START_MS, trade, write
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

HOUR_MS = 3_600_000


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


async def test_a_simulated_market_goes_on_after_a_takeover(cluster: EngineCluster) -> None:
    first = await cluster.lead("a", source="simulate")
    await until(lambda: failed(first) or led(first.role).engine_state.next_trade("BTC/USDT") > 1)
    second = await cluster.follow("b", source="simulate")
    await first.stop()
    leading = await leads(second)
    taken_over = leading.log.sequence
    state = leading.engine_state
    trades = state.next_trade("BTC/USDT")
    await until(lambda: failed(second) or state.next_trade("BTC/USDT") > trades + 5)
    await second.stop()

    batches = await cluster.batches()
    assert batches[-1].time_ms - batches[1].time_ms >= HOUR_MS, "the past is not in the past"
    numbers = [e.trade for b in batches for e in b.events if isinstance(e, Traded) and e.symbol == "BTC/USDT"]
    assert numbers == list(range(1, len(numbers) + 1))
    after = [e for b in batches for e in b.events if isinstance(e, Traded) and b.sequence > taken_over]
    assert all(trade.maker_order for trade in after), "a second history was written"
    before = [e for b in batches for e in b.events if isinstance(e, Traded) and e.symbol == "BTC/USDT"]
    first_after = next(e for e in after if e.symbol == "BTC/USDT")
    last_before = before[first_after.trade - 2]
    assert abs(first_after.price - last_before.price) < last_before.price // 50


async def test_a_recording_is_played_into_an_empty_log_and_nowhere_else(cluster: EngineCluster, tmp_path: Path) -> None:
    recording = write(tmp_path / "made-up_btcusdt.log", [trade(n, at_ms=100 * n) for n in range(1, 20)])
    first = await cluster.lead("a", source=f"replay:{recording}", speed="max")
    state = led(first.role).engine_state  # nobody applies a recording to it
    await until(lambda: failed(first) or led(first.role).log.sequence > 20)
    assert state.next_trade("BTC/USDT") == 1
    await first.stop()
    batches = await cluster.batches()
    assert [e.time_ms for b in batches for e in b.events if isinstance(e, Traded)] == [
        START_MS + 100 * n for n in range(1, 20)
    ]
    assert batches[-1].time_ms < START_MS + 60_000, "the clock is the recording's"

    second = await cluster.start("b", source=f"replay:{recording}")
    with pytest.raises(StartError, match="played into an empty log"):
        await second.running


async def test_a_data_directory_is_not_for_a_cluster(cluster: EngineCluster, tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").touch()
    with pytest.raises(StartError, match="'finalex serve' alone"):
        await cluster.start("a", source=f"replay:{tmp_path}")
