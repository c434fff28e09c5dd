"""The log of a server that has stopped, played again by another: all that its clients saw, private channels too."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from finalex.channels.hub import Hub
from finalex.log.disk import Disk
from finalex.log.schema import FILE_NAME
from finalex.log.sqlite import SqliteLog
from finalex.log.store import Store
from finalex.model.events import Batch
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.recovery import RecoveryError
from finalex.rewind import rewind
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from finalex.snapshots.snapshot import take_snapshot
from finalex.sources.replay import ReplaySource
from finalex.starting import StartError
from support.server import Client, Server, serving
from support.simulations import START_MS, Simulation


def build_hub() -> Hub:
    return Hub(DEFAULT_INSTRUMENTS)


# --- where to begin ---


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return Simulation().run(4).batches


def at(batches: list[Batch], number: int) -> Hub:
    """Return a hub after so many batches."""
    hub = build_hub()
    for batch in batches[:number]:
        hub.apply(batch, ())
    return hub


@pytest.fixture
def directory(tmp_path: Path, batches: list[Batch]) -> Path:
    """Return a data directory with a log, and snapshots after the batches 15 and 30."""

    async def write() -> None:
        for part in (batches[:10], batches[10:]):
            log = SqliteLog(tmp_path, asyncio.get_running_loop().call_soon_threadsafe)
            for batch in part:
                log.append(batch.events, batch.time_ms)
            log.close()

    asyncio.run(write())
    for number in (15, 30):
        SnapshotFolder(tmp_path / FOLDER_NAME).write(take_snapshot(at(batches, number)))
    return tmp_path


def trim(directory: Path) -> None:
    """Forget the first ten batches, as a log does that has grown too large."""
    store = Store(directory / FILE_NAME, Disk())
    store.trim(10, 0, 0)
    store.close(clean=True)


def test_a_log_that_is_whole_begins_at_its_beginning(directory: Path) -> None:
    assert rewind(directory, build_hub, from_ms=0).sequence == 0


def test_before_a_time_everything_that_a_snapshot_holds_is_skipped(directory: Path, batches: list[Batch]) -> None:
    times = {number: batches[number - 1].time_ms for number in (14, 15, 30)}
    begins = {number: rewind(directory, build_hub, time_ms).sequence for number, time_ms in times.items()}
    assert begins == {14: 0, 15: 15, 30: 30}
    hub = rewind(directory, build_hub, times[30])
    assert hub.state.state_hash() == at(batches, 30).state.state_hash()


def test_a_log_that_was_trimmed_begins_at_its_oldest_snapshot(directory: Path) -> None:
    trim(directory)
    assert rewind(directory, build_hub, from_ms=0).sequence == 15
    assert rewind(directory, build_hub, from_ms=START_MS).sequence == 15


def test_a_damaged_snapshot_is_left_out(directory: Path) -> None:
    trim(directory)
    (directory / FOLDER_NAME / "15.snapshot").write_bytes(b"damaged")
    assert rewind(directory, build_hub, from_ms=0).sequence == 30


def test_without_a_beginning_and_a_snapshot_nothing_can_be_played(directory: Path) -> None:
    trim(directory)
    shutil.rmtree(directory / FOLDER_NAME)
    with pytest.raises(
        RecoveryError, match=r"no longer kept\. Without a good snapshot there is no state to begin with"
    ):
        rewind(directory, build_hub, from_ms=0)


def test_instruments_of_other_decimals_are_refused(directory: Path) -> None:
    bitcoin, *others = DEFAULT_INSTRUMENTS.values()
    other = [msgspec.structs.replace(bitcoin, price_decimals=3), *others]
    with pytest.raises(RecoveryError, match="BTC/USDT"):
        rewind(directory, lambda: Hub(Instruments(other)), from_ms=0)


def test_a_directory_without_a_log_is_left_to_whoever_plays_it(tmp_path: Path) -> None:
    assert rewind(tmp_path, build_hub, from_ms=0).sequence == 0


def test_a_database_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(RecoveryError, match=f"^The log '{tmp_path}/{FILE_NAME}' is damaged"):
        rewind(tmp_path, build_hub, from_ms=0)


# --- two servers ---


async def shown(client: Client) -> dict[str, Any]:
    """Return everything that somebody sees who logs in now; what depends on the moment is left out."""
    seen = len(client.seen)
    for channel in ("account", "orders", "user_trades"):
        await client.request("subscribe", channel=channel, **({"snapshot": 100} if channel == "user_trades" else {}))
    for channel in ("trades", "orderbook", "ticker", "kline"):
        more = {"snapshot": 100} if channel == "trades" else {}
        await client.request("subscribe", channel=channel, symbol="BTC/USDT", **more)
    await client.request("ping")
    messages = [message for message in client.seen[seen:] if "channel" in message]
    return {message["id"]: message["data"] for message in messages}


async def trade(server: Server) -> dict[str, Any]:
    """Let two people trade, and return what the first one sees in the end."""
    async with server.client("alice") as alice, server.client("bob") as bob:
        for price in ("100.00", "101.00", "102.00"):
            await alice.request(
                "place_order", symbol="BTC/USDT", side="sell", type="limit", quantity="0.5", price=price
            )
        await bob.request("place_order", symbol="BTC/USDT", side="buy", type="market", quantity="0.7")
        await bob.request("place_order", symbol="BTC/USDT", side="buy", type="limit", quantity="0.1", price="99.00")
        return await shown(alice)


@asynccontextmanager
async def played(directory: Path, **settings: str) -> AsyncIterator[Server]:
    """Play the log of a data directory in another server, to its end."""
    async with serving(source=f"replay:{directory}", speed="max", **settings) as server:
        assert isinstance(server.source, ReplaySource)
        while not server.source.rounds:  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0)
        yield server


async def test_a_second_server_shows_what_the_first_one_showed_private_channels_too(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server:
        before = await trade(server)
    assert {identity.partition(":")[0] for identity in before} >= {"account", "orders", "user_trades", "trades"}
    async with played(tmp_path) as server, server.client("alice") as alice:
        assert await shown(alice) == before
        order = await alice.request("place_order", symbol="BTC/USDT", side="buy", type="market", quantity="1")
        assert order["data"]["reason"] == "trading_disabled"


async def test_a_log_in_use_can_be_played_beside_its_server(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as first:
        before = await trade(first)
        async with played(tmp_path) as second, second.client("alice") as alice:
            assert await shown(alice) == before


async def test_what_is_before_a_time_is_there_at_once(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server:
        before = await trade(server)
    async with (
        serving(source=f"replay:{tmp_path}@2100-01-01", speed="0.001") as server,
        server.client("alice") as alice,
    ):
        assert isinstance(server.source, ReplaySource)
        while not server.source.rounds:  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0)
        assert await shown(alice) == before


@pytest.mark.parametrize(
    ("loop", "sentence"), [("true", "cannot be played in a loop"), ("false", "there is no log of a server in it")]
)
async def test_what_cannot_be_played_stops_the_start(tmp_path: Path, loop: str, sentence: str) -> None:
    if loop == "true":
        async with serving(source="exchange", data_dir=str(tmp_path)):
            pass
    with pytest.raises(StartError, match=sentence):
        async with serving(source=f"replay:{tmp_path}", loop=loop):
            pass
