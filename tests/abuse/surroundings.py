"""What every abuse test checks besides the abuser's end: honest clients are served, and memory stays bounded."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from support.served import Served, serve

HONEST = "127.0.0.99"
"""Where honest clients come from: limits of an address must not be theirs because of somebody else."""

GROWTH_BYTES_MAX = 96 << 20
"""How much this process, which is the server and all its clients, may grow during one abuse."""


async def assert_honest_are_served(served: Served) -> None:
    """Check that somebody who comes now gets a connection, a subscription and what is published."""
    async with await served.connect(source=HONEST) as client:
        client.request("subscribe", channel="trades", symbol="BTC/USDT")
        assert (await client.message())["data"]["status"] == "connected"
        assert (await client.message())["type"] == "subscribed"
        trade = served.trade()
        assert (await client.message())["data"]["trade_id"] == str(trade)


@asynccontextmanager
async def besieged(**settings: Any) -> AsyncIterator[Served]:
    """Serve while the block abuses; then nobody is left, nothing of ours failed, and honest clients are served."""
    with bounded_memory():
        async with serve(**settings) as served:
            yield served
            await served.left_with(0)
            await assert_honest_are_served(served)
            assert not served.metrics.failures


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Check that the block leaves the process no more than `GROWTH_BYTES_MAX` larger."""
    before = _resident_bytes()
    yield
    grown = _resident_bytes() - before
    assert grown < GROWTH_BYTES_MAX, f"grew by {grown >> 20} MiB"


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
