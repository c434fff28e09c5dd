"""Waiting for what happens in other tasks."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], pause_s: float = 0) -> None:
    """Wait until something holds; the test's own time-out ends what never does."""
    while not condition():  # noqa: ASYNC110 (the product needs no event for it)
        await asyncio.sleep(pause_s)
