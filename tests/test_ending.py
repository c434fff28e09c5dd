"""Ending tasks, those too that miss being cancelled."""

import asyncio

import pytest

from finalex.ending import check_cancelled, end_tasks


async def deaf(times: int, heard: list[int]) -> None:
    """Wait forever, and miss being cancelled so many times, as `asyncio.wait_for` of Python 3.11 may."""
    for _ in range(times):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(len(heard))
    await asyncio.Event().wait()


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_tasks_end_however_often_they_miss_it(times: int) -> None:
    heard: list[int] = []
    tasks = [asyncio.create_task(deaf(times, heard)), asyncio.create_task(deaf(0, heard))]
    await asyncio.sleep(0)
    await end_tasks(*tasks)
    assert all(task.cancelled() for task in tasks)
    assert len(heard) == times


async def test_what_ended_tasks_raise_is_dropped() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    await end_tasks(task)
    assert isinstance(task.exception(), ValueError)


async def test_no_tasks_end_at_once() -> None:
    await asyncio.wait_for(end_tasks(), 1)


async def test_a_task_finds_out_that_it_missed_being_cancelled() -> None:
    heard: list[int] = []

    async def miss() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(1)
        check_cancelled()
        heard.append(2)

    task = asyncio.create_task(miss())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert heard == [1]


async def test_one_that_was_not_cancelled_goes_on() -> None:
    assert check_cancelled() is None  # type: ignore[func-returns-value]
