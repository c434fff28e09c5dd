"""The doctor's end of a connection: every message as it comes, and requests that are answered or not."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any

from finalex.client.link import Link
from finalex.client.messages import encode_request

Message = dict[str, Any]

Wanted = Callable[[Message], bool]


class ConnectionEndedError(Exception):
    """The server ended the connection; the text says how."""


class Probe:
    """A `Receiver` that gives every message to `take`, with the time it came; `unreadable` counts those that are none.

    `sent_ns` of a message is not known here; `now_ns` is the client's clock.
    """

    def __init__(self, take: Callable[[Message, int], None], now_ns: Callable[[], int]) -> None:
        self.unreadable = 0
        self.ended_with: str | None = None
        self.now_ns = now_ns
        self._take = take
        self._link: Link
        self._expected: list[tuple[Wanted, asyncio.Future[tuple[Message, int]]]] = []
        self._numbers = count(1)

    # --- what the connection calls ----------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """See `Receiver.opened`."""
        self._link = link

    def received(self, text: bytes) -> None:
        """See `Receiver.received`."""
        came_ns = self.now_ns()
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.unreadable += 1
            return
        self._take(message, came_ns)
        for wanted, future in list(self._expected):
            if not future.done() and wanted(message):
                future.set_result((message, came_ns))

    def ended(self, code: int | None) -> None:
        """See `Receiver.ended`."""
        self.ended_with = f"the server ended the connection ({code or 'without a close code'})"
        for _, future in self._expected:
            if not future.done():
                future.set_exception(ConnectionEndedError(self.ended_with))

    # --- what the doctor calls --------------------------------------------------------------------------

    async def wait_for(self, wanted: Wanted, seconds: float, text: bytes | None = None) -> tuple[Message, int] | None:
        """Send `text`, if given, and return the next message that is `wanted` and when it came.

        `None` if none comes in time; raises `ConnectionEndedError`.
        """
        if self.ended_with is not None:
            raise ConnectionEndedError(self.ended_with)
        future: asyncio.Future[tuple[Message, int]] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._expected.append(entry)
        if text is not None:
            self._link.send(text)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return None
        finally:
            self._expected.remove(entry)

    async def request(self, method: str, params: Message, seconds: float) -> tuple[Message, int] | None:
        """Make a request and return its reply, as `wait_for`."""
        name = f"doctor-{next(self._numbers)}"
        text = encode_request(name, method, params)
        return await self.wait_for(lambda m: m.get("id") == name and "channel" not in m, seconds, text)

    async def listen(self, seconds: float) -> None:
        """Let messages come; raises `ConnectionEndedError`."""
        await self.wait_for(lambda _: False, seconds)

    def close(self) -> None:
        """End the connection."""
        if self.ended_with is None:
            self._link.close()
