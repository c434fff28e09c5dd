"""The life of a client: from its first connection to its end."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from finalex.client.core import Core
from finalex.client.driver import Driver, Token
from finalex.client.errors import ConnectionClosedError
from finalex.client.link import Opener


class Life:
    """A client as an asynchronous context manager."""

    def __init__(self, core: Core, url: str, opener: Opener, token: Token | None, api_key: str | None) -> None:
        self._core = core
        self._start = (url, opener, token, api_key)
        self._driver: Driver | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._driver is not None:
            raise RuntimeError("a client can be used once")
        self._driver = driver = Driver(self._core, *self._start)
        self._running = asyncio.create_task(driver.run())
        try:
            await driver.ready.wait()
        except BaseException:
            await self._end()
            raise
        if driver.failure is not None:
            await self._end()
            raise driver.failure
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        driver = self._open_driver
        driver.carry_out(self._core.stop(ConnectionClosedError("the client was closed")))
        await driver.close()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    @property
    def reconnects(self) -> int:
        """How often the connection was made again, or was tried to."""
        return self._open_driver.reconnects

    @property
    def _open_driver(self) -> Driver:
        if self._driver is None:
            raise RuntimeError("use the client as a context manager: async with connect(…) as client")
        return self._driver
