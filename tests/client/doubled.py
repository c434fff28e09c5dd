"""A client before the double that is shipped with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from client.waiting import until
from finalex.client import Backoff, Client, State, connect
from finalex.client.testing import FakeServer

FAST = Backoff(first_ms=1, max_ms=2)
SYMBOL = "BTC/USDT"


@asynccontextmanager
async def conversing(server: FakeServer, **options: Any) -> AsyncIterator[Client]:
    async with asyncio.timeout(20), connect("ws://test", opener=server.open, backoff=FAST, **options) as client:
        yield client


async def until_live(subscription: Any) -> None:
    await until(lambda: subscription.state is State.LIVE)


async def take(subscription: Any, count: int) -> list[Any]:
    return [await anext(subscription) for _ in range(count)]
