"""Orders from the page, and who may place them."""

import json
import re

from playwright.async_api import Browser, expect

from page.maker import ASK, BID, limit, quote
from page.visitor import visiting
from support.server import serving


async def test_an_order_rests_fills_and_shows_in_the_account(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await quote(server)
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        await expect(visitor.at("user")).to_have_text("Logged in as alice")
        await visitor.order("buy", "0.25", "45005")
        await expect(visitor.at("outcome")).to_have_text("The order is in the book.")
        rows = visitor.page.locator("#order-rows tr")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("BTC/USDTBuyLimit45,005.000.250000.00000")
        await expect(visitor.page.locator("#bids .level.own")).to_contain_text("45,005.00")
        await expect(visitor.at("available")).to_have_text("88,748.75000000 USDT")
        async with server.client("taker") as taker:
            await limit(taker, "sell", "0.10000000", "45005.00")
            await expect(rows).to_contain_text("0.250000.10000")
            await limit(taker, "sell", "0.15000000", "45005.00")
        await expect(visitor.at("no-orders")).to_be_visible()
        await expect(visitor.at("toasts")).to_contain_text("Buy order BTC/USDT: filled at 45,005.00")
        await visitor.at("tab-fills").click()
        await expect(visitor.page.locator("#fill-rows tr")).to_have_count(2)
        await expect(visitor.page.locator("#fill-rows tr").first).to_contain_text("45,005.000.150000.00012000 BTCmaker")
        await visitor.at("tab-balances").click()
        btc = visitor.page.locator("#balance-rows tr", has_text="BTC")
        await expect(btc).to_have_text("BTC2.249800000.000000002.24980000")


async def test_an_order_that_trades_at_once_says_how_much(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await quote(server)
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        await visitor.choose("type", "market")
        await expect(visitor.at("price")).to_be_hidden()
        await visitor.choose("side", "sell")
        await visitor.at("quantity").fill("0.3")
        await visitor.at("submit").click()
        await expect(visitor.at("outcome")).to_have_text("Sold 0.30000 BTC at 45,000.00.")


OUTCOMES = [
    ("FOK", "2", ASK, r"The order expired \(unfilled\)\."),
    ("post", "0.5", ASK, r"A post-only order would trade at once\. \(post_only_would_take\)"),
    ("GTC", "99", BID, r"The account has not enough available\. \(insufficient_funds\)"),
    ("GTC", "0.5", "45000.001", r".*price.* \(INVALID_PARAMS\)"),
    ("GTC", "0.000015", BID, r"The quantity is no multiple of the lot size\. \(quantity_not_on_lot\)"),
    ("IOC", "2", ASK, r"Bought 0\.90000 BTC at 45,010\.00; the rest expired \(unfilled\)\."),
]
"""Time in force, quantity and price of an order, and what the page says of it."""


async def test_the_servers_answer_is_shown(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await quote(server)
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        await expect(visitor.at("submit")).to_have_text("Buy BTC")
        for force, quantity, price, outcome in OUTCOMES:
            await visitor.at("force").select_option(force)
            await visitor.order("buy", quantity, price)
            await expect(visitor.at("outcome")).to_have_text(re.compile(f"^{outcome}$"))


async def test_orders_are_canceled_one_by_one_and_all(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        rows = visitor.page.locator("#order-rows tr")
        for count, price in enumerate(("44000", "43000", "42000"), start=1):
            await visitor.order("buy", "0.1", price)
            await expect(rows).to_have_count(count)
        await visitor.page.get_by_role("button", name="Cancel: buy 0.10000 BTC/USDT at 43000.00").click()
        await expect(rows).to_have_count(2)
        await expect(rows.filter(has_text="43,000.00")).to_have_count(0)
        await visitor.at("cancel-all").click()
        await expect(visitor.at("no-orders")).to_be_visible()
        await expect(visitor.at("orders-count")).to_be_empty()


async def test_a_share_of_what_is_available_becomes_the_quantity(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await visitor.log_in(server.token("alice"))
        await expect(visitor.at("available")).to_have_text("100,000.00000000 USDT")
        await visitor.at("price").fill("30000")
        await visitor.page.locator("[data-share='100']").click()
        await expect(visitor.at("quantity")).to_have_value("3.33333")
        await expect(visitor.at("total")).to_have_text("99,999.90000000 USDT")
        await visitor.choose("side", "sell")
        await visitor.page.locator("[data-share='25']").click()
        await expect(visitor.at("quantity")).to_have_value("0.50000")


async def test_a_bad_token_is_refused_with_the_servers_word_and_the_market_goes_on(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await quote(server)
        await visitor.open()
        await visitor.log_in("not.a.token")
        await expect(visitor.at("login-outcome")).to_contain_text("(INVALID_TOKEN)")
        await expect(visitor.at("login-dialog")).to_be_visible()
        await visitor.at("login-cancel").click()
        await expect(visitor.at("user")).to_have_text("Not logged in")
        await expect(visitor.at("link-state")).to_have_attribute("data-state", "connected")
        assert await visitor.page.evaluate("sessionStorage.length") == 0


async def test_a_token_stays_in_the_tab_and_nowhere_else(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        token = server.token("alice")
        await visitor.open()
        await visitor.log_in(token)
        await expect(visitor.at("user")).to_have_text("Logged in as alice")
        await visitor.page.reload()
        await expect(visitor.at("user")).to_have_text("Logged in as alice")
        assert await visitor.page.evaluate("JSON.stringify([{...localStorage}, document.cookie, location.href])") == (
            json.dumps([{}, "", f"http://127.0.0.1:{server.port}/#BTC/USDT"], separators=(",", ":"))
        )
        assert not any(token in address for address in visitor.addresses)
        await visitor.at("login").click()
        await expect(visitor.at("user")).to_have_text("Not logged in")
        await visitor.page.reload()
        await expect(visitor.at("user")).to_have_text("Not logged in")


async def test_an_order_without_a_login_asks_for_one(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await expect(visitor.at("submit")).to_have_text("Log in to trade")
        await visitor.at("submit").click()
        await expect(visitor.at("login-dialog")).to_be_visible()


async def test_a_token_that_may_only_read_shows_the_account_and_places_nothing(browser: Browser) -> None:
    async with serving(source="exchange") as server, visiting(browser, server.port) as visitor:
        await visitor.open()
        await visitor.log_in(server.token("alice", scopes="read"))
        await expect(visitor.at("available")).to_have_text("100,000.00000000 USDT")
        await visitor.order("buy", "0.1", "45000")
        await expect(visitor.at("outcome")).to_contain_text("(AUTHENTICATION_REQUIRED)")
