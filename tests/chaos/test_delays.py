"""Delayed steps keep their order, whatever their delays."""

import asyncio
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.chaos.delays import HELD_BYTES_MAX, Delays


@given(delays_ms=st.lists(st.integers(0, 5), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_none_is_taken_before_an_earlier_one(delays_ms: list[int]) -> None:
    async def run() -> list[int]:
        delays, taken, done = Delays(), list[int](), asyncio.Event()
        for number, delay_ms in enumerate(delays_ms):
            delays.enter(partial(taken.append, number), delay_ms / 1000)
        delays.enter(done.set, 0)
        await asyncio.wait_for(done.wait(), 30)
        return taken

    assert asyncio.run(run()) == list(range(len(delays_ms)))


async def test_what_need_not_wait_is_taken_at_once() -> None:
    delays, taken = Delays(), list[int]()
    delays.enter(partial(taken.append, 1), 0, 5)
    assert (taken, delays.bytes) == ([1], 0)


async def test_nothing_is_taken_while_paused() -> None:
    delays, taken = Delays(), list[int]()
    delays.paused = True
    delays.enter(partial(taken.append, 1), 0, 5)
    delays.enter(partial(taken.append, 2), 0, 5)
    assert (taken, delays.bytes) == ([], 10)
    delays.resume()
    assert (taken, delays.bytes) == ([1, 2], 0)


async def test_too_much_on_its_way_arrives_at_once() -> None:
    delays, taken = Delays(), list[int]()
    delays.enter(partial(taken.append, 1), 3600, HELD_BYTES_MAX)
    assert taken == []
    delays.enter(partial(taken.append, 2), 3600, 1)
    assert (taken, delays.bytes) == ([1, 2], 0)


async def test_what_is_forgotten_is_never_taken() -> None:
    delays, taken, done = Delays(), list[int](), asyncio.Event()
    delays.enter(partial(taken.append, 1), 0.001)
    delays.clear()
    delays.enter(done.set, 0.002)
    await asyncio.wait_for(done.wait(), 30)
    assert (taken, delays.bytes) == ([], 0)
