"""Streams that break are opened again, later and later."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from finalex.sources.upstream.following import DELAY_S_MAX, DELAY_S_MIN, DELAY_SHARE_MIN, Backoff, follow
from finalex.sources.upstream.port import FeedError


class Enough(Exception):  # noqa: N818 (it is no error)
    """The test has seen what it wanted."""


class Streams:
    """Streams that give some items and then break, or end."""

    def __init__(self, *streams: list[int], breaks: bool = True) -> None:
        self.taken: list[int] = []
        self.reasons: list[str] = []
        self.delays: list[float] = []
        self.closed = 0
        self._streams = iter(streams)
        self._breaks = breaks

    async def follow(self, chance: float = 1.0) -> None:
        backoff = Backoff(self._sleep, lambda: chance)
        await follow(self._open, self.taken.append, self.reasons.append, backoff)

    async def _open(self) -> AsyncGenerator[int, None]:
        items = next(self._streams, None)
        if items is None:
            raise Enough
        try:
            for item in items:
                yield item
            if self._breaks:
                raise FeedError("it broke")
        finally:
            self.closed += 1

    async def _sleep(self, delay_s: float) -> None:
        self.delays.append(delay_s)


async def test_a_stream_that_breaks_is_opened_again() -> None:
    streams = Streams([1, 2], [3])
    with pytest.raises(Enough):
        await streams.follow()
    assert streams.taken == [1, 2, 3]
    assert streams.reasons == ["it broke", "it broke"]
    assert streams.closed == 2


async def test_a_stream_that_ends_is_opened_again() -> None:
    streams = Streams([1], [2], breaks=False)
    with pytest.raises(Enough):
        await streams.follow()
    assert streams.taken == [1, 2]
    assert streams.reasons == ["the stream ended"] * 2


async def test_delays_double_until_something_comes() -> None:
    streams = Streams([], [], [], [], [], [], [], [1], [])
    with pytest.raises(Enough):
        await streams.follow()
    assert streams.delays == [1, 2, 4, 8, 16, DELAY_S_MAX, DELAY_S_MAX, DELAY_S_MIN, 2]


async def test_part_of_a_delay_is_chance() -> None:
    streams = Streams([], [])
    with pytest.raises(Enough):
        await streams.follow(chance=0.0)
    assert streams.delays == [DELAY_S_MIN * DELAY_SHARE_MIN, 2 * DELAY_SHARE_MIN]


async def test_what_taking_raises_ends_it() -> None:
    async def stream() -> AsyncGenerator[int, None]:
        yield 1

    def fail(_: int) -> None:
        raise RuntimeError("the log is closed")

    with pytest.raises(RuntimeError, match="closed"):
        await follow(stream, fail, lambda _: None, Backoff())


async def test_cancelling_closes_the_stream() -> None:
    closed = asyncio.Event()
    waiting = asyncio.Event()

    async def stream() -> AsyncGenerator[int, None]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            closed.set()

    task = asyncio.create_task(follow(stream, lambda _: None, lambda _: None, Backoff()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
