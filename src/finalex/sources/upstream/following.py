"""Following a stream: opened again whenever it breaks, at first soon and then ever later."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from finalex.sources.upstream.port import FeedError

DELAY_S_MIN = 1.0
DELAY_S_MAX = 30.0
DELAY_FACTOR = 2
"""How long to wait before the next try: the back-off that the specification asks of clients."""

DELAY_SHARE_MIN = 0.5
"""At least so much of a delay is waited, the rest by chance: streams that broke together do not come back so."""

Sleep = Callable[[float], Awaitable[object]]
Chance = Callable[[], float]
"""Returns a number from 0 up to 1."""

T = TypeVar("T")


class Backoff:
    """Waits longer and longer, until `reset`."""

    def __init__(self, sleep: Sleep = asyncio.sleep, chance: Chance = random.random) -> None:
        self._sleep = sleep
        self._chance = chance
        self._delay_s = DELAY_S_MIN

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._delay_s = DELAY_S_MIN

    async def wait(self) -> None:
        """Wait, and the next time twice as long, up to `DELAY_S_MAX`."""
        share = DELAY_SHARE_MIN + (1 - DELAY_SHARE_MIN) * self._chance()
        delay_s, self._delay_s = self._delay_s * share, min(self._delay_s * DELAY_FACTOR, DELAY_S_MAX)
        await self._sleep(delay_s)


async def follow(
    open_stream: Callable[[], AsyncGenerator[T, None]],
    take: Callable[[T], None],
    lose: Callable[[str], None],
    backoff: Backoff,
) -> None:
    """Give everything of a stream to `take` until cancelled; each time it breaks or ends, `lose` is told why.

    Raises what `take` and `lose` raise.
    """
    while True:
        reason = "the stream ended"
        async with aclosing(open_stream()) as stream:
            while True:
                try:
                    item = await anext(stream)
                except StopAsyncIteration:
                    break
                except FeedError as error:
                    reason = str(error)
                    break
                backoff.reset()
                take(item)
        lose(reason)
        await backoff.wait()
