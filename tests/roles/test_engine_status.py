"""What engines say of themselves when all nodes are asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cluster.engines import EngineCluster, engine_cluster, leads
from finalex.clock import now_ms
from finalex.cluster.status import ThisNode, ask_nodes
from finalex.log.port import LogProblem
from finalex.roles.engine_metrics import Shown
from finalex.roles.engine_status import describe_engine
from log.jetstream.written import until
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


async def states(cluster: EngineCluster) -> dict[str, str]:
    return {node.name: node.state for node in await ask_nodes(cluster.client, cluster.names)}


async def test_one_leads_the_other_follows_and_takes_over(cluster: EngineCluster) -> None:
    first = await cluster.lead("first")
    second = await cluster.follow("second")
    await until(lambda: second.role.sequence > 0)
    nodes = {node.name: node for node in await ask_nodes(cluster.client, cluster.names)}
    assert {name: (node.role, node.state) for name, node in nodes.items()} == {
        "first": ("engine", "leading"),
        "second": ("engine", "following"),
    }
    assert 0 < nodes["second"].sequence <= first.role.sequence
    assert {node.problem for node in nodes.values()} == {None}
    first.running.cancel()
    await asyncio.wait({first.running})
    await leads(second)
    assert await states(cluster) == {"second": "leading"}


def shown(**parts: Any) -> Shown:
    engine = {"takeovers": 0, "counts": Counter[str](), "leading": None, "standby": None, **parts}
    return cast("Shown", SimpleNamespace(**engine))


def test_a_log_that_takes_nothing_is_a_problem() -> None:
    log = SimpleNamespace(sequence=9, time_ms=now_ms(), problem=LogProblem.DISK_FULL)
    found = describe_engine(shown(leading=SimpleNamespace(log=log)), ThisNode("engine", "e1"))
    assert (found.state, found.sequence, found.problem) == ("leading", 9, "the log takes no events (disk_full)")


def test_how_old_the_state_is_is_said() -> None:
    standby = SimpleNamespace(sequence=9, time_ms=now_ms() - 60_000, following=False)
    found = describe_engine(shown(standby=standby), ThisNode("engine", "e1"))
    assert (found.state, found.sequence, found.lag_ms >= 60_000) == ("catching_up", 9, True)


def test_an_engine_that_has_no_state_yet_is_restoring() -> None:
    found = describe_engine(shown(), ThisNode("engine", "e1"))
    assert (found.state, found.sequence, found.lag_ms) == ("restoring", 0, 0)
