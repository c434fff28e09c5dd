"""Waiting for what happens in other tasks."""

import asyncio
from collections.abc import Callable

WAIT_S = 20
"""Only a failing test waits so long."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0.01)
