"""Clusters and servers that traded, and copies of them."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cluster.engines import EngineCluster, engine_cluster, order
from finalex.channels.hub import Hub
from finalex.clock import now_ms
from finalex.cluster.backup import Manifest
from finalex.cluster.wire import OpenAccount
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.log.disk import Disk
from finalex.log.reading import LogReader, read_batches
from finalex.log.schema import FILE_NAME
from finalex.log.sqlite import SqliteLog
from finalex.model.commands import Credit
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.recovery import recover
from finalex.roles.backup import back_up, restore
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from support.nats_servers import NatsServers

HAD_MS = 1_700_000_000_000


async def trade(cluster: EngineCluster, writer: str, count: int) -> None:
    """Let some orders rest, and some meet."""
    await cluster.send(writer, OpenAccount(user="ann"), OpenAccount(user="bob"))
    for number in range(count):
        await cluster.send(writer, order("ann", Side.BUY, f"{30_000 + number}.00"))
        await cluster.send(writer, order("bob", Side.SELL, f"{30_000 + number}.00", "0.005"))


async def copy(cluster: EngineCluster, directory: Path) -> Manifest:
    return await back_up(cluster.client, cluster.config("backup"), directory, now_ms())


async def fill(cluster: EngineCluster, directory: Path, **flags: Any) -> Manifest:
    return await restore(cluster.client, cluster.config("restore", **flags), directory, now_ms())


def build_hub() -> Hub:
    return Hub(DEFAULT_INSTRUMENTS)


def state_of(directory: Path) -> ExchangeState:
    """Return what a server would start with there."""

    class Stored:
        def __init__(self) -> None:
            with closing(LogReader(directory / FILE_NAME, Disk(), None)) as reader:
                self.sequence = reader.end

        def read(self, after: int) -> Any:
            return read_batches(directory / FILE_NAME, Disk(), after)

    return recover(SnapshotFolder(directory / FOLDER_NAME), Stored(), build_hub).engine_state


async def filled_server(directory: Path, *, clean: bool = True) -> ExchangeState:
    """Make the data directory of a single server that traded, and stopped or died; return its state."""
    loop = asyncio.get_running_loop()
    log = SqliteLog(directory, loop.call_soon_threadsafe, now_ms=HAD_MS)
    engine = Engine(ExchangeState(DEFAULT_INSTRUMENTS))
    for number in range(5):
        credit = Credit(user="ann", currency="USDT", amount=10**13, reference=f"r{number}")
        for command in (credit, order("ann", Side.BUY, f"{20_000 + number}.00")):
            log.append(engine.execute(command, HAD_MS + number)[0], HAD_MS + number)
    durable: asyncio.Future[bool] = loop.create_future()
    log.when_durable(log.sequence, durable.set_result)
    assert await durable
    died = directory.with_name("died")
    shutil.copytree(directory, died)
    log.close()
    if not clean:
        shutil.rmtree(directory)
        died.rename(directory)
    return engine.state


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def empty(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster
