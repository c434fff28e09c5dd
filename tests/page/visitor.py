"""Somebody who opens the page in Chromium, and what may not happen to them."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, async_playwright, expect

WAIT_MS = 20_000
"""How long is waited for what must appear; only a failing test waits so long."""

_REFUSED = re.compile(r"WebSocket connection to '\S+' failed: ")

expect.set_options(timeout=WAIT_MS)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the browser; skips the test where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """A person at the page of the server on `port`; `problems` are what the browser complained about."""

    page: Page
    port: int
    problems: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        """Note an error or a warning."""
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def on_request(self, request: Request) -> None:
        """Note what was asked for."""
        self.addresses.append(request.url)

    def at(self, place: str) -> Locator:
        """Return the element with this id."""
        return self.page.locator(f"#{place}")

    async def open(self, address: str = "/") -> None:
        """Open the page and wait until it is live."""
        await self.page.goto(f"http://127.0.0.1:{self.port}{address}")
        await self.sees_live()

    async def sees_live(self) -> None:
        """Wait until the connection is there."""
        await expect(self.at("link-state")).to_have_attribute("data-state", "connected")

    async def log_in(self, token: str) -> None:
        """Paste a token."""
        await self.at("login").click()
        await self.at("token").fill(token)
        await self.at("login-submit").click()

    async def choose(self, name: str, value: str) -> None:
        """Choose one of the order's options."""
        await self.page.locator(f"#order [name={name}][value={value}]").check()

    async def order(self, side: str, quantity: str, price: str) -> None:
        """Place a limit order."""
        await self.choose("side", side)
        await self.at("price").fill(price)
        await self.at("quantity").fill(quantity)
        await self.at("submit").click()

    def check(self) -> None:
        """Fail if the browser complained, or anything was asked of another server."""
        origins = {re.sub(r"^\w+://([^/]*).*$", r"\1", address) for address in self.addresses}
        assert origins == {f"127.0.0.1:{self.port}"}
        assert self.problems == []


@asynccontextmanager
async def visiting(browser: Browser, port: int, *, loses: bool = False, **options: Any) -> AsyncIterator[Visitor]:
    """Give a visitor with these browser options; at the end, nothing may have gone wrong.

    A visitor that `loses` its server may hear from the browser that it is not there.
    """
    context = await browser.new_context(**options)
    try:
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        visitor = Visitor(page, port)
        page.on("console", visitor.on_console)
        page.on("pageerror", lambda error: visitor.problems.append(str(error)))
        page.on("request", visitor.on_request)
        page.on("websocket", lambda socket: visitor.addresses.append(socket.url))
        yield visitor
        if loses:
            visitor.problems = [problem for problem in visitor.problems if not _REFUSED.match(problem)]
        visitor.check()
    finally:
        await context.close()
