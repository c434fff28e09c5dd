"""The page when its server goes away and comes back."""

from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Browser, expect

from page.maker import market, quote
from page.visitor import visiting
from support.server import serving


async def test_a_page_heals_by_itself_when_the_server_restarts(browser: Browser, tmp_path: Path) -> None:
    kept = {"source": "exchange", "data_dir": str(tmp_path)}
    async with AsyncExitStack() as staying:
        async with serving(**kept) as server:
            await quote(server)
            visitor = await staying.enter_async_context(visiting(browser, server.port, loses=True))
            await visitor.open()
            await visitor.log_in(server.token("alice"))
            await visitor.order("buy", "0.1", "44000")
            await expect(visitor.page.locator("#order-rows tr")).to_have_count(1)
        await expect(visitor.at("link-text")).to_have_text("Reconnecting")
        await expect(visitor.at("banner")).to_contain_text("No connection")
        await expect(visitor.at("book-state")).to_have_text("Stale")
        async with serving(**kept, port=str(visitor.port)) as server, server.client("taker") as taker:
            await visitor.sees_live()
            await expect(visitor.at("banner")).to_be_hidden()
            await expect(visitor.at("book-state")).to_be_hidden()
            await market(taker, "sell", "1.00000000")
            await expect(visitor.at("no-orders")).to_be_visible()
            await expect(visitor.page.locator("#tape-rows .trade")).to_have_count(4)
            await expect(visitor.at("last")).to_have_text("44,000.00")


async def test_an_account_that_the_new_server_does_not_know_is_logged_out(browser: Browser) -> None:
    async with AsyncExitStack() as staying:
        async with serving(source="exchange") as server:
            visitor = await staying.enter_async_context(visiting(browser, server.port, loses=True))
            await visitor.open()
            await visitor.log_in(server.token("alice"))
            await expect(visitor.at("user")).to_have_text("Logged in as alice")
        async with serving(source="exchange", port=str(visitor.port)) as server:
            await expect(visitor.at("toasts")).to_contain_text("You are logged out")
            await expect(visitor.at("user")).to_have_text("Not logged in")
            await visitor.sees_live()
            await quote(server)
            await expect(visitor.at("last")).to_have_text("45,000.00")
