"""The room in the stream: what happens when there is none, and what is trimmed so that there is."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest

from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.jetstream.stream import LogStream
from finalex.log.jetstream.trimming import trim
from finalex.log.port import LogProblem
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import Batch
from log.jetstream.written import LIMITS, POLL_S, durable, message, noise, open_log, open_stream, until
from log.opened import event
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"room-{number}" for number in itertools.count())
E = [event(1)]


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


@pytest.mark.parametrize("reserve_bytes", [0, 64 << 20], ids=["to the last byte", "with a reserve for the clock"])
async def test_a_full_stream_takes_no_events_until_something_is_deleted(
    one_nats: NatsServers, stream: LogStream, reserve_bytes: int
) -> None:
    await stream.prepare(1, 400_000)
    limits = msgspec.structs.replace(LIMITS, reserve_bytes=reserve_bytes)
    log = await open_log(one_nats.address, stream, limits=limits)
    seen: list[Batch] = []
    log.follow(seen.append)
    for number in itertools.count():
        if log.problem is not None:
            break
        log.append(noise(30_000, number), number)
        await until(lambda: log.problem is not None or (seen and seen[-1].sequence == log.sequence))
        log.trim(0)  # looks at the room that is left
    assert [log.problem] == [LogProblem.DISK_FULL]
    time = log.append([], 1000)
    if reserve_bytes:
        await until(lambda: seen[-1] == time)  # time still goes on

    log.trim(log.sequence)
    if not reserve_bytes:
        await stream.purge(5)
    await until(lambda: log.problem is None)
    log.append(E, 1001)
    log.close()
    assert [batch.sequence for batch in seen] == list(range(1, log.sequence + 1))


async def test_what_is_covered_goes_when_the_stream_is_more_than_half_full(
    one_nats: NatsServers, stream: LogStream
) -> None:
    await stream.prepare(1, 1_000_000)
    for number in range(20):
        await stream.append(message(number, noise(40_000, number)), number)
    log = await open_log(one_nats.address, stream)
    log.trim(5)
    await until_first(stream, 6)
    log.trim(20)
    await until_first(stream, 11)
    assert (await stream.held()).used_bytes <= 500_000
    log.close()
    assert [each.sequence for each in await stream.read(10)] == list(range(11, 21))


async def test_what_is_covered_goes_when_it_is_too_old_but_for_the_last(
    one_nats: NatsServers, stream: LogStream
) -> None:
    for number in range(10):
        await stream.append(message(number, E), number)  # at 1, 2, … 10 ms
    log = await open_log(one_nats.address, stream, limits=msgspec.structs.replace(LIMITS, age_ms_max=3))
    log.trim(4)
    await until_first(stream, 5)
    log.trim(10)
    await until_first(stream, 7)
    log.append(E, 1000)
    await durable(log)
    log.trim(11)
    await until_first(stream, 11)
    log.close()
    assert (await stream.end()).sequence == 11


async def test_a_first_message_without_a_time_is_not_too_old(stream: LogStream) -> None:
    for number, time_ms in enumerate((0, 1_000_001, 1_000_002, 1_000_003)):
        record = pack([Entry(number + 1, time_ms, encode_batch(1, ()))], number)
        await stream.append(encode(Envelope("other", False, 0, record)), number)
    assert await trim(stream, covered=3, limits=msgspec.structs.replace(LIMITS, age_ms_max=1000)) == 0
    assert await trim(stream, covered=3, limits=msgspec.structs.replace(LIMITS, age_ms_max=1)) == 2


async def until_first(stream: LogStream, first: int) -> None:
    """Wait until `first` is the first message."""
    async with asyncio.timeout(30):
        while (await stream.held()).first < first:  # noqa: ASYNC110 (another process purges)
            await asyncio.sleep(POLL_S)
    assert (await stream.held()).first == first
