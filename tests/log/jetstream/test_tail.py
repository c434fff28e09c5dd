"""The tail: whatever the server tells, or does not, the follower gets everything once, in order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from finalex.log.jetstream import tail as tails
from finalex.log.jetstream.envelope import Stored
from finalex.log.jetstream.stream import LogStream
from finalex.log.jetstream.tail import LogTail
from finalex.log.port import LogDamagedError, LogTrimmedError
from log.jetstream.written import message, open_stream, until
from log.opened import event
from support.nats_servers import NatsServers, nats_servers, one_nats, restarted

__all__ = ["one_nats"]

CLUSTERS = (f"tail-{number}" for number in itertools.count())
Listener = Callable[[Msg], Awaitable[None]]


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


async def write(stream: LogStream, count: int, batches: int = 2) -> None:
    """Append `count` messages of `batches` batches each."""
    end = await stream.end()
    for number in range(count):
        previous = end.sequence + number * batches
        await stream.append(message(previous, *[[event(1)]] * batches), end.stream_sequence + number)


class Following:
    """A tail that runs, and what its follower got."""

    def __init__(self, stream: LogStream, after: int = 0, sequence: int = 0) -> None:
        self.got: list[Stored] = []
        self.tail = LogTail(stream, after, sequence, self.got.append)
        self.task = asyncio.create_task(self.tail.run())

    @property
    def sequences(self) -> list[int]:
        return [batch.sequence for stored in self.got for batch in stored.batches]

    async def until(self, sequence: int) -> None:
        """Wait until the follower has the batch `sequence`, or the tail has ended."""
        await until(lambda: self.task.done() or (self.got and self.got[-1].sequence >= sequence))


@asynccontextmanager
async def following(stream: LogStream, after: int = 0, sequence: int = 0) -> AsyncIterator[Following]:
    following = Following(stream, after, sequence)
    yield following
    following.task.cancel()
    await asyncio.wait([following.task])


def told_otherwise(
    stream: LogStream, monkeypatch: pytest.MonkeyPatch, tell: Callable[[Listener, Msg], Awaitable[None]]
) -> None:
    """From now on what the server tells of the log goes to `tell`, with whoever listens."""
    subscribe = stream.client.subscribe

    async def subscribed(subject: str, *, cb: Listener, **settings: Any) -> Subscription:
        if subject != stream.names.live:
            return await subscribe(subject, cb=cb, **settings)

        async def hear(told: Msg) -> None:
            await tell(cb, told)

        return await subscribe(subject, cb=hear, **settings)

    monkeypatch.setattr(stream.client, "subscribe", subscribed)


async def test_what_is_stored_before_and_after_is_given_once(stream: LogStream) -> None:
    await write(stream, 5)
    async with following(stream) as follower:
        await follower.until(10)
        await write(stream, 5)
        await follower.until(20)
        assert follower.tail.last == follower.got[-1]

    assert follower.sequences == list(range(1, 21))
    assert follower.tail.stream_sequence == 10


async def test_a_follower_gets_only_what_it_does_not_have(stream: LogStream) -> None:
    await write(stream, 4, batches=5)
    async with following(stream, await stream.place(12), 12) as follower:
        await follower.until(20)

    assert follower.sequences == list(range(13, 21))


async def test_a_message_with_nothing_new_is_not_given(stream: LogStream) -> None:
    await write(stream, 4)
    async with following(stream, 0, 6) as follower:
        await follower.until(8)

    assert [stored.stream_sequence for stored in follower.got] == [4]


@pytest.mark.parametrize("lost", [{3}, {1, 2, 3}, {2, 4, 5, 7}, {8, 9, 10}])
async def test_what_was_not_told_is_read(stream: LogStream, monkeypatch: pytest.MonkeyPatch, lost: set[int]) -> None:
    async def tell(listener: Listener, told: Msg) -> None:
        if int((told.headers or {})["Nats-Sequence"]) not in lost:
            await listener(told)

    told_otherwise(stream, monkeypatch, tell)
    async with following(stream) as follower:
        await write(stream, 10)
        await follower.until(20)

    assert follower.sequences == list(range(1, 21))


async def test_what_is_told_twice_or_late_is_given_once(stream: LogStream, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Msg] = []

    async def tell(listener: Listener, told: Msg) -> None:
        heard.append(told)
        for each in (told, heard[0], told):
            await listener(each)

    told_otherwise(stream, monkeypatch, tell)
    async with following(stream) as follower:
        await write(stream, 10)
        await follower.until(20)

    assert follower.sequences == list(range(1, 21))


@pytest.mark.parametrize("limit", ["LIVE_MESSAGES_MAX", "LIVE_BYTES_MAX"])
async def test_more_than_is_held_at_once_is_read_again(
    stream: LogStream, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    heard: list[Msg] = []

    async def tell(listener: Listener, told: Msg) -> None:
        heard.append(told)
        if len(heard) == 10:  # all at once: nobody else has a turn in between
            for each in heard:
                await listener(each)

    monkeypatch.setattr(tails, limit, 3)
    told_otherwise(stream, monkeypatch, tell)
    async with following(stream) as follower:
        await write(stream, 10)
        await follower.until(20)

    assert follower.sequences == list(range(1, 21))


async def test_silence_is_counted_from_the_last_message(stream: LogStream, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(tails, "monotonic", lambda: now_s[0])
    async with following(stream) as follower:
        now_s[0] += 3
        assert follower.tail.silent_ms == 3000
        await write(stream, 1)
        await follower.until(2)
        assert follower.tail.silent_ms == 0
        now_s[0] += 0.25
        assert follower.tail.silent_ms == 250


async def ended(stream: LogStream, after: int = 0, sequence: int = 0) -> BaseException | None:
    """Return what ends a tail."""
    async with following(stream, after, sequence) as follower:
        await until(follower.task.done)
        return follower.task.exception()


def flipped(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


@pytest.mark.parametrize("content", [flipped(message(2, [])), message(3, []), message(1, []), b"hello"])
async def test_nothing_is_given_from_a_damaged_message_on(stream: LogStream, content: bytes) -> None:
    await write(stream, 1)
    async with following(stream) as follower:
        await follower.until(2)
        await stream.append(content, 1)
        await stream.append(message(3, []), 2)
        await until(follower.task.done)

    assert follower.sequences == [1, 2]
    assert isinstance(follower.task.exception(), LogDamagedError)
    assert "damaged at message 2" in str(follower.task.exception())


async def test_a_message_that_does_not_follow_what_the_follower_has_is_damage(stream: LogStream) -> None:
    await write(stream, 3)

    assert isinstance(await ended(stream, 2, 3), LogDamagedError)


async def test_a_tail_that_is_too_late_is_told_so(stream: LogStream) -> None:
    await write(stream, 5)
    await stream.purge(3)

    assert isinstance(await ended(stream, 1, 2), LogTrimmedError)


async def test_what_a_follower_raises_ends_the_tail(stream: LogStream) -> None:
    def fail(stored: Stored) -> None:
        raise KeyError(stored.sequence)

    await write(stream, 1)
    with pytest.raises(KeyError, match="2"):
        await LogTail(stream, 0, 0, fail).run()


def numbered(following: Sequence[Following]) -> list[list[int]]:
    return [follower.sequences for follower in following]


async def test_tails_go_on_when_the_server_comes_back(tmp_path: Path) -> None:
    with nats_servers(tmp_path) as servers:
        async with (
            open_stream(servers.address, "main") as stream,
            open_stream(servers.address, "main") as other,
            following(stream) as first,
            following(other) as second,
        ):
            await write(stream, 3)
            await first.until(6)
            await restarted(servers, 0)
            await until(lambda: stream.client.is_connected)
            await write(stream, 3)
            for follower in (first, second):
                await follower.until(12)

    assert numbered([first, second]) == [list(range(1, 13))] * 2
