"""The process that writes a cluster's snapshots, and the engine's part of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nats.aio.client import Client

from finalex.bus.address import BusAddress
from finalex.bus.connection import connect
from finalex.channels.hub import Hub
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.config import Config, load_config
from finalex.credentials.secret import Secret
from finalex.log.jetstream.stream import LogStream
from finalex.log.memory import MemoryLog
from finalex.log.port import LogProblem
from finalex.model.events import Credited
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.recovery import replay
from finalex.roles.engine_snapshots import EngineSnapshots
from finalex.roles.snapshotting import COMMAND, ClusterSnapshotJob, decode_job
from finalex.snapshots.folder import Written
from finalex.snapshots.snapshot import take_snapshot
from finalex.testing import FailingLog
from log.jetstream.written import message, until
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"snapshotting-{number}" for number in itertools.count())
PASSWORD = "the-password-of-nats"


class Stage:
    """A log on JetStream, and the configuration of an engine of its cluster."""

    def __init__(self, config: Config, client: Client) -> None:
        self.config = config
        self.stream = LogStream(client, config.bus_names)
        self.store = SnapshotStore(client, config.bus_names)

    async def write(self, count: int) -> None:
        """Append messages of one credit each."""
        for _ in range(count):
            end = await self.stream.end()
            credited = Credited(user="ann", currency="BTC", amount=1, reference=f"r{end.sequence}", time_ms=1)
            await self.stream.append(message(end.sequence, [credited]), end.stream_sequence)

    async def hub(self, until: int) -> Hub:
        """Return what the log makes up to a batch."""
        hub = self.snapshots().job.build_hub()
        replay(hub, [b for s in await self.stream.read(0) for b in s.batches if b.sequence <= until])
        return hub

    def snapshots(self) -> EngineSnapshots:
        return EngineSnapshots(self.config)


@pytest.fixture
async def stage(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[Stage]:
    client = await connect(one_nats.address, "test")
    flags = {"nats": one_nats.urls[0], "cluster_name": next(CLUSTERS), "snapshot_interval_ms": "1000"}
    stage = Stage(load_config({**flags, "data_dir": str(tmp_path)}, {}), client)
    await stage.stream.prepare(1, 8 << 20)
    await stage.store.prepare(1)
    yield stage
    await client.close()


def test_a_job_travels_with_all_that_it_takes_to_log_in(tmp_path: Path) -> None:
    address = BusAddress(
        servers=("nats://a:1", "nats://b:2"),
        user="u",
        password=PASSWORD,
        ca_file=tmp_path / "ca.pem",
        credentials_file=tmp_path / "node.creds",
    )
    job = ClusterSnapshotJob(
        address=address, cluster="c", until=7, instruments=[], ticker_interval_ms=1, kline_interval_ms=2
    )
    assert decode_job(job.encode()) == job
    assert job.encode().endswith(b"\n")
    assert PASSWORD not in repr(job)


async def test_a_snapshot_is_what_the_log_makes(stage: Stage) -> None:
    await stage.write(3)
    written = await stage.snapshots().write(2)

    assert written is not None
    assert (written.sequence, written.covered) == (2, 0)
    assert await stage.store.read(2) == take_snapshot(await stage.hub(2))


async def test_each_goes_on_from_the_one_before(stage: Stage) -> None:
    await stage.write(4)
    snapshots = stage.snapshots()
    await snapshots.write(2)
    everything = take_snapshot(await stage.hub(4))
    await stage.stream.purge(2)
    written = await snapshots.write(4)

    assert written is not None
    assert (written.sequence, written.covered) == (4, 2)
    assert snapshots.newest == 4
    assert await stage.store.read(4) == everything


async def test_one_that_cannot_be_made_changes_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    await stage.write(3)
    await stage.stream.purge(2)
    assert await stage.snapshots().write(3) is None
    assert await stage.store.sequences() == []
    assert "the log has lost its beginning" in capsys.readouterr().out


async def test_other_instruments_are_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    await stage.write(1)
    await stage.snapshots().write(1)
    stage.config = replace(stage.config, instruments=Instruments([DEFAULT_INSTRUMENTS["ETH/USDT"]]))
    await stage.write(1)
    assert await stage.snapshots().write(2) is None
    assert "configure it again" in capsys.readouterr().out


async def test_it_ends_with_its_engine(stage: Stage) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin is not None
    unreachable = BusAddress(servers=("nats://127.0.0.1:1",))
    job = msgspec.structs.replace(stage.snapshots().job, address=unreachable, until=1)
    process.stdin.write(job.encode())
    process.stdin.close()
    assert await process.wait() == 1


async def test_no_password_is_in_a_command_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.config = replace(stage.config, nats_user="u", nats_password=Secret(PASSWORD))
    started: list[tuple[object, ...]] = []
    start = asyncio.create_subprocess_exec

    async def exec_(*command: str, **pipes: Any) -> asyncio.subprocess.Process:
        started.append(command)
        return await start(*command, **pipes)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", exec_)
    await stage.write(1)
    written = await stage.snapshots().write(1)  # the server asks nobody who they are
    assert written is not None
    assert len(started) == 1
    assert PASSWORD not in str(started)


class Trimmed(FailingLog):
    """A log that notes what it may forget."""

    def __init__(self) -> None:
        super().__init__()
        self.covered: list[int] = []

    def trim(self, sequence: int) -> None:
        """See `Log.trim`."""
        self.covered.append(sequence)


async def test_a_leader_writes_one_in_each_interval_and_forgets_what_is_covered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finalex.roles.engine_snapshots.LOOK_INTERVAL_S", 0.001)
    snapshots, log = stage.snapshots(), Trimmed()
    snapshots.interval_ms = 5
    generations = [0]

    async def write(until: int) -> Written:
        generations.insert(0, generations[0] + 10)
        snapshots.newest = generations[0]
        return Written(sequence=generations[0], size_bytes=1, kept=generations[:2])

    monkeypatch.setattr(snapshots, "write", write)
    running = asyncio.create_task(snapshots.run(stage.store, log))
    await until(lambda: len(log.covered) >= 3)
    running.cancel()
    await asyncio.wait({running})
    assert log.covered[:3] == [0, 10, 20]


def test_the_first_comes_soon_and_a_full_log_needs_more(stage: Stage) -> None:
    snapshots, log = stage.snapshots(), FailingLog()
    snapshots.interval_ms = 3_600_000
    assert snapshots.due_ms(MemoryLog()) == 2000
    snapshots.newest = 1
    assert snapshots.due_ms(log) == 3_600_000
    log.fail(LogProblem.DISK_FULL)
    assert snapshots.due_ms(log) == 2000
