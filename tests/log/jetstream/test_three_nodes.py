"""The log on three servers: whichever of them dies, what was durable is there, once and in order."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from functools import partial

import pytest

from finalex.log.jetstream.log import JetStreamLog
from finalex.log.jetstream.stream import LogStream
from finalex.log.jetstream.tail import LogTail
from finalex.log.port import LogProblem, LogRefusedError
from finalex.model.events import Batch
from log.jetstream.written import durable, open_log, open_stream, until
from log.opened import event
from support.nats_servers import NatsServers, three_nats

__all__ = ["three_nats"]

CLUSTERS = (f"three-{number}" for number in itertools.count())


@pytest.fixture
async def stream(three_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(three_nats.address, next(CLUSTERS), replicas=3) as stream:
        yield stream


class Load:
    """Appends as long as it runs, one batch after the other; knows which of them became durable."""

    def __init__(self, log: JetStreamLog) -> None:
        self.log = log
        self.durable: list[Batch] = []
        self.task = asyncio.create_task(self._run())

    async def until_more(self, count: int = 20) -> None:
        """Wait until `count` more batches are durable."""
        enough = len(self.durable) + count
        await until(lambda: len(self.durable) >= enough)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert await durable(self.log)

    async def _run(self) -> None:
        for number in itertools.count():
            try:
                batch = self.log.append([event(number)], number)
            except LogRefusedError:
                self.log.append([], number)
            else:
                self.log.when_durable(batch.sequence, partial(self._know, batch))
            await asyncio.sleep(0.002)

    def _know(self, batch: Batch, known: bool) -> None:
        assert known
        self.durable.append(batch)


async def read(stream: LogStream) -> list[Batch]:
    """Return all there is, up to what the stream's leader has."""
    batches: list[Batch] = []
    after, end = 0, await stream.end()
    while after < end.stream_sequence:
        for stored in await stream.read(after):
            batches += stored.batches
            after = stored.stream_sequence
    return batches


async def test_what_was_durable_survives_the_servers_that_led(three_nats: NatsServers, stream: LogStream) -> None:
    followed: list[Batch] = []
    tail = LogTail(stream, 0, 0, lambda stored: followed.extend(stored.batches))
    following = asyncio.create_task(tail.run())
    load = Load(await open_log(three_nats.address, stream))
    for _ in range(2):
        await load.until_more()
        leader = await asyncio.to_thread(three_nats.leader_of, stream.names.log_stream)
        three_nats.kill(leader)
        await load.until_more()
        three_nats.start(leader, wait=False)
        await asyncio.to_thread(three_nats.wait_until_ready)
    await load.until_more()
    await load.stop()
    load.log.close()
    await until(lambda: following.done() or (followed and followed[-1].sequence == load.log.sequence))
    following.cancel()

    stored = await read(stream)
    assert [batch.sequence for batch in stored] == list(range(1, load.log.sequence + 1))
    assert [batch for batch in stored if batch.events] == load.durable
    assert followed == stored


async def test_while_two_of_three_servers_are_gone_nothing_is_durable(
    three_nats: NatsServers, stream: LogStream
) -> None:
    load = Load(await open_log(three_nats.address, stream))
    await load.until_more()
    for node in (0, 1):
        three_nats.pause(node)
    await until(lambda: load.log.problem is LogProblem.STORAGE_FAILED)
    count = len(load.durable)
    for node in (0, 1):
        three_nats.resume(node)
    await load.until_more()
    await load.stop()
    load.log.close()

    stored = await read(stream)
    assert [batch.sequence for batch in stored] == list(range(1, load.log.sequence + 1))
    assert [batch for batch in stored if batch.events] == load.durable
    assert 0 < count < len(load.durable)


async def test_of_writers_who_race_for_each_place_one_gets_it(three_nats: NatsServers, stream: LogStream) -> None:
    for _ in range(10):
        end = await stream.end()
        logs = [await open_log(three_nats.address, stream, f"after-{end.sequence}-{each}") for each in range(3)]
        for log in logs:
            log.append([], 1)
        outcomes = await asyncio.gather(*(known(log) for log in logs))
        assert sorted(outcomes) == [False, False, True]
        for log in logs:
            log.close()

    assert [batch.sequence for batch in await read(stream)] == list(range(1, 11))


async def known(log: JetStreamLog) -> bool:
    """Wait until what was appended is durable, or the log fenced."""
    done: list[bool] = []
    log.when_durable(log.sequence, done.append)
    await until(lambda: done or log.problem is LogProblem.FENCED)
    return bool(done)
