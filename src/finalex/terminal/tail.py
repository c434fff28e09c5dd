"""The messages of one stream as lines, until somebody has enough."""

import asyncio
import signal
from types import FrameType
from typing import BinaryIO

from finalex.client.driver import Token
from finalex.client.errors import Gap
from finalex.client.link import Opener, picows_opener
from finalex.client.subscription import Subscription
from finalex.protocol.streams import Stream
from finalex.terminal.observed import Tell
from finalex.terminal.pipe import Pipe
from finalex.terminal.relay import RelayClient


async def tail(
    url: str,
    stream: Stream,
    past: int,
    count: int | None,
    out: BinaryIO,
    tell: Tell,
    *,
    token: Token | None = None,
    api_key: str | None = None,
    opener: Opener | None = None,
) -> None:
    """Write the messages of `stream`, the last `past` of those before now first, at most `count` in all.

    What is missing, and what becomes of the connection, is told to `tell`. Raises `ClientError` if the server does
    not serve it, and `BrokenPipeError` when nobody reads any more.
    """

    def say_gap(gap: Gap) -> None:
        tell(f"Messages are missing here: {gap.details}")

    client = RelayClient(tell, url, opener or picows_opener(), token, api_key)
    with Pipe(out) as pipe:
        async with client:
            writing = asyncio.ensure_future(_write(client.follow(stream, past, say_gap), count, pipe))
            breaking = asyncio.ensure_future(pipe.broken.wait())
            try:
                await asyncio.wait({writing, breaking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = writing.done()
                writing.cancel()
                breaking.cancel()
            if not ended:
                raise BrokenPipeError("nobody reads")
            writing.result()


async def _write(messages: Subscription[bytes], count: int | None, pipe: Pipe) -> None:
    left = count
    async for text in messages:
        pipe.write(text)
        if left is not None:
            left -= 1
            if left <= 0:
                return


def interrupt_at_once() -> None:
    """Let Ctrl-C end also a write that waits for somebody who does not read."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
