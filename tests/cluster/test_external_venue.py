"""Commands to an engine that is not ours, over a real NATS server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from nats.errors import ConnectionDrainingError

from cluster.engines import EngineCluster, engine_cluster
from finalex.cluster.external import NatsVenue
from finalex.sources.external_port import NobodyListensError
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


async def test_commands_reach_who_listens_and_nobody_is_known_at_once(cluster: EngineCluster) -> None:
    venue = NatsVenue(cluster.client, cluster.names)
    with pytest.raises(NobodyListensError):
        await venue.request(b"hello", 60)
    heard: list[bytes] = []

    async def hear(command: Any) -> None:
        heard.append(command.data)
        if command.data != b"3":
            await command.respond(b"re: " + command.data)

    await cluster.client.subscribe(cluster.names.external_commands, cb=hear)
    answers = await asyncio.gather(*(venue.request(b"%d" % number, 60) for number in range(3)))
    with pytest.raises(TimeoutError):
        await venue.request(b"3", 0.01)

    await venue.close()
    assert answers == [b"re: 0", b"re: 1", b"re: 2"]
    assert heard[:3] == [b"0", b"1", b"2"]


async def test_answers_that_could_not_be_listened_for_are_listened_for_later(
    cluster: EngineCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear(command: Any) -> None:
        await command.respond(b"here")

    await cluster.client.subscribe(cluster.names.external_commands, cb=hear)
    venue = NatsVenue(cluster.client, cluster.names)
    with monkeypatch.context() as patched:
        patched.setattr(cluster.client, "subscribe", AsyncMock(side_effect=ConnectionDrainingError))
        with pytest.raises(NobodyListensError):
            await venue.request(b"hello", 60)

    assert await venue.request(b"hello", 60) == b"here"
    await venue.close()
