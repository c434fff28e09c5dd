"""The log on JetStream as tests write it: by its own writer, or message by message."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from nats.aio.client import Client

from finalex.bus.address import BusAddress
from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.jetstream.limits import JetStreamLimits
from finalex.log.jetstream.log import JetStreamLog
from finalex.log.jetstream.stream import LogStream, StreamAwayError
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import AnyEvent, Batch, BookWithdrawn
from log.opened import event

BYTES_MAX = 8 << 20
LIMITS = JetStreamLimits(retry_ms=10, reserve_bytes=0)
POLL_S = 0.005


@asynccontextmanager
async def open_stream(
    address: BusAddress, cluster: str, *, replicas: int = 1, bytes_max: int = BYTES_MAX
) -> AsyncIterator[LogStream]:
    """Make the stream of `cluster`, or take the one that is there, by a client of its own."""
    client: Client = await connect(address, "test")
    try:
        stream = LogStream(client, Names(cluster))
        await _prepare(stream, replicas, bytes_max)
        yield stream
    finally:
        await client.close()


async def _prepare(stream: LogStream, replicas: int, bytes_max: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await stream.prepare(replicas, bytes_max)
            except StreamAwayError:  # servers that were started again are not known to all others yet
                await asyncio.sleep(POLL_S)


async def open_log(
    address: BusAddress,
    stream: LogStream,
    writer: str = "first",
    *,
    limits: JetStreamLimits = LIMITS,
    on_fenced: Callable[[], None] | None = None,
) -> JetStreamLog:
    """Return a log that goes on at the end of `stream`."""
    return JetStreamLog(
        address,
        stream.names,
        writer=writer,
        after=await stream.end(),
        call_soon=asyncio.get_running_loop().call_soon_threadsafe,
        limits=limits,
        on_fenced=on_fenced,
    )


async def empty_log(address: BusAddress, cluster: str) -> JetStreamLog:
    """Return the log of a new cluster."""
    async with open_stream(address, cluster) as stream:
        return await open_log(address, stream)


def message(previous: int, *groups: Sequence[AnyEvent], writer: str = "other", leaving: bool = False) -> bytes:
    """Return a message with one batch for each group of events; a batch's time is its sequence."""
    entries = [Entry(number, number, encode_batch(1, events)) for number, events in enumerate(groups, previous + 1)]
    return encode(Envelope(writer, leaving, 0, pack(entries, previous)))


async def durable(log: JetStreamLog) -> bool:
    """Wait until everything appended is durable, or nobody knows."""
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    log.when_durable(log.sequence, done.set_result)
    return await done


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` is true."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what is waited for happens in threads and other processes)
            await asyncio.sleep(POLL_S)


async def stored(stream: LogStream) -> list[Batch]:
    """Return every batch in the stream."""
    batches: list[Batch] = []
    after = 0
    while piece := await stream.read(after):
        batches += [batch for each in piece for batch in each.batches]
        after = piece[-1].stream_sequence
    return batches


def noise(size: int, seed: int = 1) -> list[BookWithdrawn]:
    """Return an event of `size` bytes after compression, twice as many before."""
    return [event(1, random.Random(seed).randbytes(size).hex())]
