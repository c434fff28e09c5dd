"""A run in a page of a real, headless Chromium."""

import asyncio
import re
import shutil
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from clients_js.run import PHASE_TIMEOUT_S, Result, Run, first_of

CHROMIUM = shutil.which("chromium")
HERE = Path(__file__).parent

BROKEN = re.compile(r"WebSocket connection to 'ws://127\.0\.0\.1:\d+/?' failed")
"""What Chromium itself says on the console of each connection that is cut: nothing in a page can keep it from that."""


class PageRun(Run):
    """A run in a page; what the page complains of fails it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._complaints: list[str] = []
        self._complained = asyncio.Event()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("crash", lambda _: self._complain("the page has crashed"))

    async def start(self, arguments: dict[str, Any]) -> None:
        """Start it."""
        begin = "async (given) => { window.run = await (await import('/trading.mjs')).start(given); }"
        await self._evaluate(begin, arguments)

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """See `Run.during`."""
        await first_of(step, self._failed())

    async def stop(self) -> None:
        """See `Run.stop`."""
        await self._evaluate("() => window.run.stop()")

    async def result(self, expected: object) -> Result:
        """See `Run.result`."""
        result: Result = await self._evaluate("(expected) => window.run.result(expected)", expected)
        assert self._complaints == []
        return result

    async def _evaluate(self, script: str, argument: object = None) -> Any:
        async with asyncio.timeout(PHASE_TIMEOUT_S):
            return await self._page.evaluate(script, argument)

    async def _failed(self) -> str:
        await self._complained.wait()
        return "\n".join(self._complaints)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not BROKEN.match(message.text):
            self._complain(message.text)

    def _complain(self, text: str) -> None:
        self._complaints.append(text)
        self._complained.set()


@asynccontextmanager
async def run_in_chromium(package: Path, arguments: dict[str, Any]) -> AsyncIterator[Run]:
    """Start a run in a page: see `Start`."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path")
    with serving_page(package / "dist" / "finalex.js") as address:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM)
            page = await browser.new_page()
            run = PageRun(page)
            await page.goto(address)
            await run.start({"client": "/finalex.js", **arguments})
            yield run
            await browser.close()


class _Files(SimpleHTTPRequestHandler):
    """Serves the page, the run and the client, and nothing else."""

    def __init__(self, bundle: Path, *arguments: Any) -> None:
        self._files = {"/": HERE / "page.html", "/trading.mjs": HERE / "trading.mjs", "/finalex.js": bundle}
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        """Return the file at a path of the address."""
        return str(self._files.get(path, HERE / "missing"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the interface's)
        """Say nothing."""


@contextmanager
def serving_page(bundle: Path) -> Iterator[str]:
    """Serve the page with the client in `bundle`, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, bundle)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
