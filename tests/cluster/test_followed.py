"""A gateway follows the log: its watcher hears of everything in order, and it knows whether it has all there is."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from secrets import token_hex

import pytest

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cluster import followed
from finalex.cluster.followed import BEHIND_MS_MAX, FollowedLog, LogLostError
from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.jetstream.stream import LogStream
from finalex.log.port import LogTrimmedError
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import Batch
from support.clusters import until
from support.nats_servers import NatsServers, one_nats, restarted

__all__ = ["one_nats"]

NOW_MS = 1_700_000_000_000


class Followed:
    """A log that the test writes, message by message, and somebody who follows it and says what was heard."""

    def __init__(self, stream: LogStream) -> None:
        self.stream = stream
        self.stored = 0
        self.sequence = 0
        self.now_ms = NOW_MS
        self.heard: list[str] = []
        self.log = self.follower()

    def follower(self, sequence: int = 0) -> FollowedLog:
        """Return somebody who has everything up to the batch `sequence`."""
        log = FollowedLog(self.stream, (sequence, 0), self._apply, lambda: self.now_ms)
        log.watcher = self
        return log

    async def append(self, writer: str, batches: int = 1, *, leaving: bool = False) -> None:
        """Store a message with so many empty batches."""
        first = self.sequence + 1
        entries = [Entry(first + number, self.now_ms, encode_batch(0, ())) for number in range(batches)]
        record = pack(entries, self.sequence)
        await self.stream.append(encode(Envelope(writer, leaving, 0, record)), self.stored)
        self.stored += 1
        self.sequence += batches

    def settle(self) -> None:
        """See `Watcher.settle`."""
        self.heard.append(f"{self.log.leadership.writer} writes")

    def observe(self, batch: Batch) -> None:
        """See `Watcher.observe`."""
        self.heard.append(f"before {batch.sequence}")

    def advance(self, sequence: int) -> None:
        """See `Watcher.advance`."""
        self.heard.append(f"after {sequence}")

    def _apply(self, batch: Batch) -> None:
        self.heard.append(f"{batch.sequence}")


@asynccontextmanager
async def following(servers: NatsServers) -> AsyncIterator[Followed]:
    client = await connect(servers.address, "test")
    try:
        stream = LogStream(client, Names(f"t{token_hex(4)}"))
        await stream.prepare(1, 1 << 24)
        yield Followed(stream)
    finally:
        await client.close()


@asynccontextmanager
async def running(log: FollowedLog) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(log.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def steps(batches: Iterable[int]) -> list[str]:
    return [step for number in batches for step in (f"before {number}", f"{number}", f"after {number}")]


async def test_everything_is_heard_in_order_and_a_new_writer_before_its_first_batch(one_nats: NatsServers) -> None:
    async with following(one_nats) as it:
        await it.append("a", 2)
        async with running(it.log):
            await until(lambda: it.log.sequence == 2)
            await it.append("a")
            await it.append("b", 2)
            await until(lambda: it.log.sequence == 5)

        assert it.heard == [*steps([1, 2, 3]), "b writes", *steps([4, 5])]
        assert it.log.leadership.leader == "b"


async def test_it_has_caught_up_with_what_there_was_when_it_began(one_nats: NatsServers) -> None:
    async with following(one_nats) as it:
        await it.append("a", 3)
        late = it.follower(sequence=3)
        async with running(late):
            await until(late.caught_up.is_set)

        assert it.heard == []


async def test_with_an_empty_log_it_waits_for_the_first_batch(one_nats: NatsServers) -> None:
    async with following(one_nats) as it, running(it.log):
        await until(lambda: it.log.silent_ms() < BEHIND_MS_MAX)
        assert not it.log.caught_up.is_set()

        await it.append("a")
        await until(it.log.caught_up.is_set)


async def test_a_writer_that_left_leads_no_more(one_nats: NatsServers) -> None:
    async with following(one_nats) as it:
        await it.append("a")
        await it.append("a", leaving=True)
        async with running(it.log):
            await until(lambda: it.log.sequence == 2)
            assert it.log.leadership.leader is None
            assert it.log.leadership.writer == "a"


async def test_a_silent_log_is_current_and_one_that_cannot_be_asked_is_not(
    one_nats: NatsServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "BEHIND_MS_MAX", 700)
    monkeypatch.setattr(followed, "LOOKED_APART_S", 0.02)
    async with following(one_nats) as it:
        await it.append("a")
        it.now_ms += 3_600_000  # nobody has written for an hour
        async with running(it.log):
            await until(lambda: it.log.current)
            one_nats.kill(0)
            await until(lambda: not it.log.current)
            await restarted(one_nats, 0)
            await until(lambda: it.log.current)

        assert it.log.lag_ms == 3_600_000


async def test_a_log_that_ends_before_the_view_is_lost(one_nats: NatsServers) -> None:
    async with following(one_nats) as it:
        await it.append("a", 2)

        with pytest.raises(LogLostError, match="snapshot is of batch 3, but the log on JetStream ends at batch 2"):
            await it.follower(sequence=3).run()


async def test_a_log_that_no_longer_has_what_comes_next_cannot_be_followed(one_nats: NatsServers) -> None:
    async with following(one_nats) as it:
        for _ in range(3):
            await it.append("a")
        await it.stream.purge(2)

        with pytest.raises(LogTrimmedError, match="no longer kept"):
            await it.follower(sequence=1).run()
