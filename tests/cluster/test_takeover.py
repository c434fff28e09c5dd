"""The takeover: whoever's first batch is stored leads, and nobody else."""

import itertools
from collections.abc import AsyncIterator

import pytest

from finalex.cluster import takeover
from finalex.cluster.takeover import take_over, writer_name
from finalex.log.jetstream.envelope import WRITER_LENGTH_MAX
from finalex.log.jetstream.stream import LogStream
from finalex.log.memory import MemoryLog
from finalex.log.port import LogProblem
from finalex.testing import FailingLog
from log.jetstream.written import open_log, open_stream
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"takeover-{number}" for number in itertools.count())


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


class UncertainLog(MemoryLog):
    """A log whose server never answers."""

    def when_durable(self, sequence: int, callback: object) -> None:
        """Nobody knows."""


def test_a_writer_is_named_after_its_node_and_never_twice() -> None:
    names = {writer_name("engine-a") for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("engine-a-") for name in names)


def test_the_longest_node_makes_a_writer() -> None:
    assert len(writer_name("n" * 64)) == WRITER_LENGTH_MAX


async def test_the_first_batch_of_an_empty_log_is_stored(one_nats: NatsServers, stream: LogStream) -> None:
    log = await open_log(one_nats.address, stream, "a")
    try:
        assert await take_over(log) is None
        end = await stream.end()
        assert (end.sequence, end.time_ms, end.writer) == (1, 0, "a")
    finally:
        log.close()


async def test_of_two_at_the_same_place_one_is_fenced(one_nats: NatsServers, stream: LogStream) -> None:
    first = await open_log(one_nats.address, stream, "a")
    second = await open_log(one_nats.address, stream, "b")
    try:
        assert await take_over(second) is None
        assert await take_over(first) is LogProblem.FENCED
        assert (await stream.end()).writer == "b"
    finally:
        first.close()
        second.close()


async def test_a_full_log_is_told(one_nats: NatsServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "ATTEMPT_TIMEOUT_S", 0.5)
    async with open_stream(one_nats.address, next(CLUSTERS), bytes_max=64) as stream:
        log = await open_log(one_nats.address, stream, "a")
        try:
            assert await take_over(log) is LogProblem.DISK_FULL
        finally:
            log.close()


async def test_a_log_that_never_says_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "ATTEMPT_TIMEOUT_S", 0.01)
    assert await take_over(UncertainLog()) is LogProblem.STORAGE_FAILED


async def test_a_log_that_takes_no_events_but_still_time_is_enough() -> None:
    log = FailingLog()
    log.refuse(LogProblem.DISK_FULL)  # little is left
    assert await take_over(log) is None
