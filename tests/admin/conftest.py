"""The admin tests run on the loop that the server runs on, and on Python's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from admin.desk import Desk, operated
from admin.office import Office


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with operated(tmp_path) as desk:
        yield desk


@pytest.fixture
def office() -> Office:
    return Office()
