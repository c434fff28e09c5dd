"""Reading from other threads: as recovery and whoever tells the past again do it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from finalex.log.jetstream import reading
from finalex.log.jetstream.direct import Message
from finalex.log.jetstream.envelope import Stored
from finalex.log.jetstream.reading import LoopReader
from finalex.log.jetstream.stream import LogStream, StreamAwayError
from finalex.log.port import LogDamagedError, LogError, LogTrimmedError
from finalex.model.events import Batch
from log.jetstream.written import message, open_stream
from log.opened import event
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

MESSAGES = 300
"""More than one piece."""

CLUSTERS = (f"reading-{number}" for number in itertools.count())


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        for number in range(MESSAGES):
            await stream.append(message(2 * number, [event(1)], []), number)
        yield stream


@pytest.fixture
async def reader(stream: LogStream) -> LoopReader:
    return LoopReader(stream, asyncio.get_running_loop())


async def sequences(reader: LoopReader, after: int) -> list[int]:
    def read() -> list[int]:
        return [batch.sequence for batch in reader.read(after)]

    return await asyncio.to_thread(read)


@pytest.mark.parametrize("after", [0, 1, 2, 301, 599, 600, 700])
async def test_all_batches_above_are_read(reader: LoopReader, after: int) -> None:
    assert await sequences(reader, after) == list(range(after + 1, 601))


async def test_the_last_sequence_is_known(reader: LoopReader) -> None:
    assert await asyncio.to_thread(lambda: reader.sequence) == 600


async def test_what_is_no_longer_kept_is_said_at_once(reader: LoopReader, stream: LogStream) -> None:
    await stream.purge(100)

    assert await sequences(reader, 200) == list(range(201, 601))
    with pytest.raises(LogTrimmedError, match="up to 200"):
        await asyncio.to_thread(reader.read, 199)


async def test_a_message_that_does_not_follow_is_damage(reader: LoopReader, stream: LogStream) -> None:
    await stream.append(message(605, []), 300)

    def read() -> Iterator[Batch]:
        yield from reader.read(595)

    batches = read()
    assert [(await asyncio.to_thread(next, batches)).sequence for _ in range(5)] == [596, 597, 598, 599, 600]
    with pytest.raises(LogDamagedError, match="damaged at message 301"):
        await asyncio.to_thread(next, batches)


async def test_a_server_that_is_behind_hides_nothing(
    reader: LoopReader, stream: LogStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stream.read

    async def read_behind(after: int) -> list[Stored]:
        return [stored for stored in await read(after) if stored.stream_sequence <= 297]

    monkeypatch.setattr(stream, "read", read_behind)
    assert await sequences(reader, 590) == list(range(591, 601))


async def test_servers_that_do_not_answer_are_asked_again(
    reader: LoopReader, stream: LogStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaders, failures = stream._leaders, iter([True, True, False])

    async def failing(stream_sequence: int | None = None, subject: str | None = None) -> Message | None:
        if next(failures, False):
            raise StreamAwayError("no leader")
        return await leaders(stream_sequence, subject)

    monkeypatch.setattr(reading, "PAUSE_S", 0)
    monkeypatch.setattr(stream, "_leaders", failing)
    assert await sequences(reader, 590) == list(range(591, 601))


async def test_servers_that_never_answer_are_given_up(
    reader: LoopReader, stream: LogStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_S", 0.1)
    await stream.client.close()
    with pytest.raises(StreamAwayError):
        await sequences(reader, 0)


def test_a_loop_that_has_ended_is_an_error(one_nats: NatsServers) -> None:
    async def make() -> LoopReader:
        async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
            return LoopReader(stream, asyncio.get_running_loop())

    with pytest.raises(LogError, match="cannot be read: it is closed"):
        asyncio.run(make()).read(0)
