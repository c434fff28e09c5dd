"""Lines: what stands between two processes and can be cut without either of them being told."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

CONNECT_TIMEOUT_S = 5.0


class Line:
    """Forwards each connection to its `port` to the first of `targets`, ports of this machine, that takes it.

    While it is `cut`, nothing passes in either direction, new connections included, and nobody gets an error, not even
    of a connection's end: what was under way stays there, in the buffers of the system, and arrives when the line is
    `mended`, as late as that may be. With several targets it is what a load balancer is.
    """

    def __init__(self, targets: Sequence[int]) -> None:
        self.port = 0
        self._targets = targets
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._ends: set[End] = set()
        self._linking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Line":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: End(self, accepted=True), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for linking in self._linking:
            linking.cancel()
        await asyncio.gather(*self._linking, return_exceptions=True)
        for end in list(self._ends):
            end.transport.abort()

    @property
    def whole(self) -> bool:
        """Whether it is not cut."""
        return self._whole.is_set()

    def cut(self) -> None:
        """Let nothing pass from now on."""
        self._whole.clear()
        for end in self._ends:
            end.transport.pause_reading()

    def mend(self) -> None:
        """Let everything pass, what waited first."""
        self._whole.set()
        for end in self._ends:
            end.resume_reading()

    def lead_home(self) -> None:
        """Break the connections that did not get to the first target, so that they come again."""
        for end in self._ends:
            if end.astray:
                end.transport.abort()

    def join(self, end: "End", *, accepted: bool) -> None:
        """Take in a new end of a connection."""
        self._ends.add(end)
        if accepted:
            end.transport.pause_reading()
            linking = asyncio.create_task(self._link(end))
            self._linking.add(linking)
            linking.add_done_callback(self._linking.discard)

    def leave(self, end: "End") -> None:
        """Forget an end that is over, and end the other one."""
        self._ends.discard(end)
        if end.peer is not None:
            end.peer.transport.abort()

    async def _link(self, end: "End") -> None:
        """Connect an end that was accepted with a target, and let what came pass."""
        await self._whole.wait()
        loop = asyncio.get_running_loop()
        for number, target in enumerate(self._targets):
            with suppress(OSError):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    _, far = await loop.create_connection(lambda: End(self, accepted=False), "127.0.0.1", target)
                end.peer, far.peer, end.astray = far, end, number > 0
                for each in (end, far):
                    each.resume_reading()
                return
        end.transport.abort()


class End(asyncio.Protocol):
    """One end of a connection over `line`; `astray` says that it did not get to the first target."""

    transport: asyncio.Transport

    def __init__(self, line: Line, *, accepted: bool) -> None:
        self.peer: End | None = None
        self.astray = False
        self._line = line
        self._accepted = accepted
        self._choked = False

    def resume_reading(self) -> None:
        """Read on, if nothing is in the way."""
        if self.peer is not None and self._line.whole and not self._choked:
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.pause_reading()
        self._line.join(self, accepted=self._accepted)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.peer is not None:
            self.peer.transport.write(data)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: whoever sends more than is taken has to wait."""
        if self.peer is not None:
            self.peer._choked = True
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self.peer is not None:
            self.peer._choked = False
            self.peer.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._line.leave(self)
