"""Ending tasks that wait for NATS.

On Python 3.11 `asyncio.wait_for`, which its library uses for every request, loses a cancellation that comes in the
moment in which the answer does: the task then goes on as if nobody had asked it to end.
"""

import asyncio
from typing import Any

AGAIN_S = 0.1
"""A task that goes on after so long is asked again."""


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks`, again and again, until all have ended; what they raise is dropped."""
    remaining = set(tasks)
    while remaining := {task for task in remaining if not task.done()}:
        for task in remaining:
            task.cancel()
        await asyncio.wait(remaining, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def check_cancelled() -> None:
    """Raise `CancelledError` if the current task was cancelled, and something it awaited has swallowed that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
