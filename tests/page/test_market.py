"""What the page shows of markets, and how it is used."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from finalex.clock import now_ms
from page.maker import ASK, BID, QUANTITY, SYMBOL, limit, market, quote
from page.visitor import Visitor, visiting
from support.server import serving

INTERVALS = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]

PAINTED = """([name, minimum]) => {
  const scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixels = (paint, width, height) => {
    [scratch.canvas.width, scratch.canvas.height] = [width, height];
    paint();
    return new Uint32Array(scratch.getImageData(0, 0, width, height).data.buffer);
  };
  const [wanted] = pixels(() => {
    scratch.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    scratch.fillRect(0, 0, 1, 1);
  }, 1, 1);
  const all = [...document.querySelectorAll("#chart-canvas canvas")];
  const canvases = all.filter((each) => each.width * each.height > 0);
  return canvases.some((canvas) =>
    pixels(() => scratch.drawImage(canvas, 0, 0), canvas.width, canvas.height).filter((each) => each === wanted).length
      >= minimum);
}"""
"""Whether so many pixels of the chart have one of the theme's colours."""


async def see_candles(visitor: Visitor, *colours: str, pixels: int = 200) -> None:
    """Wait until candles of these colours are painted."""
    for colour in colours:
        await visitor.page.wait_for_function(PAINTED, arg=[colour, pixels])


async def test_a_simulated_market_is_seen_moving(browser: Browser) -> None:
    async with serving(history_hours="2") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await expect(visitor.page.locator(".market span:nth-child(2)").filter(has_text="—")).to_have_count(0)
        await expect(visitor.page.locator("#asks .level:visible")).not_to_have_count(0)
        await expect(visitor.page.locator("#bids .level:visible")).not_to_have_count(0)
        await expect(visitor.page.locator("#tape-rows .trade")).to_have_count(100)
        await expect(visitor.at("latency")).to_have_text(re.compile(r"^\d+ ms$"))
        await see_candles(visitor, "--buy-fill", "--sell-fill")
        await expect(visitor.page.locator("#tv-attr-logo")).to_be_visible()
        before = await visitor.at("last").inner_text()
        await expect(visitor.at("last")).not_to_have_text(before)


async def test_prices_book_and_trades_are_those_of_the_market(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await quote(server)
        await visitor.open()
        await expect(visitor.page.locator("#asks .level:visible")).to_have_text(["45,010.000.900000.90000"])
        await expect(visitor.page.locator("#bids .level:visible")).to_have_text(["45,000.000.900000.90000"])
        await expect(visitor.page.locator("#tape-rows .trade > :first-child")).to_have_text(["45,000.00", "45,010.00"])
        await expect(visitor.at("spread")).to_have_text("10.00 · 0.022%")
        await expect(visitor.at("last")).to_have_text("45,000.00")
        await expect(visitor.at("chart-canvas")).to_have_attribute("aria-label", re.compile("last close 45000.00$"))
        async with server.client("taker") as taker:
            await market(taker, "buy", "0.20000000")
        await expect(visitor.at("last")).to_have_text("45,010.00")
        await expect(visitor.page.locator("#asks .level:visible")).to_have_text(["45,010.000.700000.70000"])
        await expect(visitor.page.locator("#tape-rows .trade")).to_have_count(3)


async def test_the_steps_of_the_ladder_put_levels_together(browser: Browser) -> None:
    async with (
        serving(source="exchange") as server,
        server.client("maker") as maker,
        visiting(browser, server.port) as visitor,
    ):
        for price in ("44990.01", "44990.52", "44990.53"):
            await limit(maker, "buy", "0.10000000", price)
        await visitor.open()
        await expect(visitor.page.locator("#bids .level:visible")).to_have_count(3)
        await visitor.at("step").select_option(label="1")
        await expect(visitor.page.locator("#bids .level:visible")).to_have_text(["44,9900.300000.30000"])
        await visitor.page.locator("#bids .level:visible").click()
        await expect(visitor.at("price")).to_have_value("44990.00")


async def test_every_interval_has_its_candles(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        past_ms = now_ms() % 60_000
        if past_ms > 30_000:  # the minute's candle would be another before everything was looked at
            await asyncio.sleep(60 - past_ms / 1000)
        await quote(server)
        await visitor.open()
        intervals = visitor.page.locator("#intervals button")
        await expect(intervals).to_have_text(INTERVALS)
        for interval in INTERVALS[::-1]:
            await intervals.get_by_text(interval, exact=True).click()
            await expect(visitor.at("legend")).to_contain_text("H 45,010.00")
            await expect(visitor.at("legend")).to_contain_text("Vol 0.20")
        await see_candles(visitor, "--sell-fill", pixels=3)
        await intervals.get_by_text("4h", exact=True).click()
        await visitor.page.reload()
        await expect(intervals.and_(visitor.page.locator("[aria-checked=true]"))).to_have_text("4h")


async def test_a_market_without_trades_says_so(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open("/#ETH/BTC")
        await expect(visitor.at("symbol")).to_have_text("ETH/BTC")
        await expect(visitor.at("no-candles")).to_be_visible()
        await expect(visitor.at("no-trades")).to_be_visible()
        await expect(visitor.page.locator(".level:visible")).to_have_count(0)
        await expect(visitor.at("book-state")).to_be_hidden()


async def test_keys_do_what_the_help_says(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        keyboard = visitor.page.keyboard
        await keyboard.press("?")
        await expect(visitor.at("help-dialog")).to_be_visible()
        await expect(visitor.page.locator("#keys dd")).to_have_text(
            ["/", "j", "k", ".", ",", "f", "b", "s", "t", "l", "?"]
        )
        await keyboard.press("Escape")
        await expect(visitor.at("help-dialog")).to_be_hidden()
        await keyboard.press("/")
        await expect(visitor.at("search")).to_be_focused()
        await keyboard.type("sol")
        await expect(visitor.page.locator(".market:visible")).to_have_count(2)
        await keyboard.press("Enter")
        await expect(visitor.at("symbol")).to_have_text("SOL/USDT")
        await expect(visitor.page).to_have_url(re.compile("#SOL/USDT$"))
        await keyboard.press("j")
        await expect(visitor.at("symbol")).to_have_text("XRP/USDT")
        await keyboard.press("k")
        await expect(visitor.at("symbol")).to_have_text("SOL/USDT")
        await keyboard.press(".")
        await expect(visitor.page.locator("#intervals [aria-checked=true]")).to_have_text("3m")
        await keyboard.press("s")
        await expect(visitor.at("quantity")).to_be_focused()
        await expect(visitor.page.locator("[name=side][value=sell]")).to_be_checked()
        await keyboard.press("ArrowUp")
        await expect(visitor.at("quantity")).to_have_value("0.001")


@pytest.mark.parametrize(
    ("scheme", "ground", "other"), [("dark", "#10141b", "#ffffff"), ("light", "#ffffff", "#10141b")]
)
async def test_the_theme_is_the_systems_until_one_is_chosen(
    browser: Browser, scheme: str, ground: str, other: str
) -> None:
    async with (
        serving(source="exchange") as server,
        visiting(browser, server.port, color_scheme=scheme) as visitor,
    ):
        await visitor.open()
        panel = visitor.page.locator(".top")
        await expect(panel).to_have_css("background-color", rgb(ground))
        await visitor.at("theme").click()
        await expect(panel).to_have_css("background-color", rgb(other))
        await visitor.page.reload()
        await expect(panel).to_have_css("background-color", rgb(other))


def rgb(text: str) -> str:
    """Return a colour as a browser computes it."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(text.removeprefix("#")))


async def test_a_phone_shows_one_panel_at_a_time_and_nothing_beside_the_screen(browser: Browser) -> None:
    options: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    async with serving(source="exchange") as server, visiting(browser, server.port, **options) as visitor:
        await quote(server)
        await visitor.open()
        for name in ("markets", "book", "tape", "ticket", "account", "chart"):
            await visitor.page.locator(f"#tabs [data-tab={name}]").tap()
            await expect(visitor.at(name)).to_be_visible()
            await expect(visitor.at("chart")).to_be_visible(visible=name == "chart")
            assert await visitor.page.evaluate("document.documentElement.scrollWidth") == 390
        await see_candles(visitor, "--sell-fill", pixels=3)
        await visitor.at("pick").tap()
        await visitor.page.locator(".market", has_text="ETH/USDT").tap()
        await expect(visitor.at("symbol")).to_have_text("ETH/USDT")
        await expect(visitor.at("chart")).to_be_visible()


async def test_what_is_drawn_stays_bounded(browser: Browser) -> None:
    async with (
        serving(source="exchange", messages_per_minute_max="100000") as server,
        server.client("maker") as maker,
        server.client("taker") as taker,
        visiting(browser, server.port) as visitor,
    ):
        await limit(maker, "sell", QUANTITY, ASK)
        await limit(maker, "buy", QUANTITY, BID)
        await visitor.open()
        for _ in range(130):
            await market(taker, "buy", "0.00200000")
        await expect(visitor.page.locator("#asks .level:visible > :nth-child(2)")).to_have_text(["0.74000"])
        await expect(visitor.page.locator("#tape-rows .trade")).to_have_count(100)
        assert SYMBOL in await visitor.page.title()
