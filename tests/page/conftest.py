"""The browser that a test visits the page with."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from finalex.page.assets import page_assets
from page.visitor import chromium


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """Return Chromium; skips where it, or the built page, is missing."""
    if not page_assets({}):
        pytest.skip("the page was not built: make page")
    async with chromium() as browser:
        yield browser
