"""Clients of gateways that run in the test's process, and contexts that are left early."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

from finalex.roles.gateway_node import GatewayNode
from support.server import Client, Message, Server

T = TypeVar("T")
Stop = Callable[[], Coroutine[Any, Any, None]]

ORDER = {"symbol": "BTC/USDT", "type": "limit", "quantity": "0.01"}
"""The beginning of an order."""


def server(gateway: GatewayNode) -> Server:
    """Return a gateway as its clients know it; its source is elsewhere."""
    return Server(gateway.config, gateway.port, None, gateway.config.data_dir, gateway.admin_port)  # type: ignore[arg-type]


@asynccontextmanager
async def client(gateway: GatewayNode, user: str | None = None) -> AsyncIterator[Client]:
    async with server(gateway).client(user) as connected:
        yield connected


@asynccontextmanager
async def stoppable(context: AbstractAsyncContextManager[T]) -> AsyncIterator[tuple[T, Stop]]:
    """Enter a context that is left at the end of the block, or before that by calling what is returned."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(context), stack.aclose


async def status(url: str) -> int:
    """Return the status of the answer to a GET request."""

    def get() -> int:
        try:
            with urlopen(url) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    return await asyncio.to_thread(get)


async def answers(url: str, wanted: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                if await status(url) == wanted:
                    return
            await asyncio.sleep(0.01)


def without_time(message: Message) -> Message:
    """Return a message without the moment at which it was sent."""
    return {key: value for key, value in message.items() if key != "timestamp"}
