"""What the page says of a market that is stopped, while somebody looks at it."""

from pathlib import Path

from playwright.async_api import Browser, expect

from page.maker import SYMBOL
from page.visitor import Visitor, visiting
from support.server import serving
from terminal.program import run

TAKES_NOTHING = "No orders are taken, and none are canceled. The exchange says: prices look wrong"


async def command(data_dir: Path, *arguments: str) -> None:
    """Act on the server as its operator does."""
    result = await run(*arguments, "--data-dir", str(data_dir))
    assert (result.code, result.err) == (0, "")


async def sees_open(visitor: Visitor) -> None:
    """Wait until nothing is said of the market's state."""
    await expect(visitor.at("market-state")).to_be_hidden()
    await expect(visitor.at("market-note")).to_be_hidden()


async def test_a_halt_is_seen_without_a_reload_and_goes_when_it_is_lifted(browser: Browser, tmp_path: Path) -> None:
    kept = {"source": "exchange", "data_dir": str(tmp_path)}
    async with serving(**kept) as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        await visitor.order("buy", "0.1", "44000")
        await expect(visitor.at("outcome")).to_have_text("The order is in the book.")
        await sees_open(visitor)

        await command(tmp_path, "halt", SYMBOL, "--reason", "prices look wrong")
        badge = visitor.at("market-state")
        await expect(badge).to_have_text("Halted")
        await expect(badge).to_have_attribute("title", TAKES_NOTHING)
        await expect(badge).to_have_accessible_name(f"Halted: {TAKES_NOTHING}")
        await expect(visitor.at("market-note")).to_have_text(TAKES_NOTHING)

        await visitor.order("buy", "0.1", "44000")
        await expect(visitor.at("outcome")).to_contain_text("(market_halted)")
        await visitor.page.get_by_role("button", name="Cancel: buy").click()
        await expect(visitor.at("toasts")).to_contain_text("(market_halted)")
        await expect(visitor.page.locator("#order-rows tr")).to_have_count(1)

        await command(tmp_path, "open", SYMBOL)
        await sees_open(visitor)
        await visitor.page.get_by_role("button", name="Cancel: buy").click()
        await expect(visitor.at("no-orders")).to_be_visible()


async def test_the_badge_is_that_of_the_market_that_is_shown(browser: Browser, tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, visiting(browser, server.port) as visitor:
        await command(tmp_path, "halt", SYMBOL, "--cancel-only")
        await command(tmp_path, "halt", "ETH/USDT", "--post-only")
        await visitor.open()
        await expect(visitor.at("market-state")).to_have_text("Cancel only")
        await visitor.page.keyboard.press("j")
        await expect(visitor.at("symbol")).to_have_text("ETH/USDT")
        await expect(visitor.at("market-state")).to_have_text("Post only")
        await visitor.page.keyboard.press("j")
        await sees_open(visitor)


async def test_a_halt_is_seen_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    phone = {"width": 360, "height": 740}
    async with (
        serving(source="exchange", data_dir=str(tmp_path)) as server,
        visiting(browser, server.port, viewport=phone, has_touch=True) as visitor,
    ):
        await visitor.open()
        await command(tmp_path, "halt", "all")
        await expect(visitor.at("market-state")).to_be_in_viewport(ratio=1)
        await visitor.page.get_by_role("button", name="Order", exact=True).click()
        await expect(visitor.at("market-note")).to_be_in_viewport(ratio=1)
        width = await visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width == phone["width"]
