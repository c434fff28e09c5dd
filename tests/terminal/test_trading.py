"""An account on the command line: what is open, what it has, in words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from finalex.client import OutcomeUnknownError
from finalex.client.testing import FakeServer
from finalex.protocol.messages import OrderData
from finalex.terminal.trading import Account, Login, balance_rows, logged_in, order_rows, order_text
from terminal.market import SYMBOL
from terminal.waiting import WAIT_S, until

ORDER = {
    "order_id": "o-1",
    "client_order_id": "mine",
    "symbol": SYMBOL,
    "side": "buy",
    "type": "limit",
    "time_in_force": "GTC",
    "post_only": False,
    "status": "new",
    "quantity": "0.01",
    "price": "45000.00",
    "filled_quantity": "0.00",
    "remaining_quantity": "0.01",
    "average_price": "0.00",
    "fees": "0.00",
    "fee_currency": "BTC",
    "created_at": 1,
    "updated_at": 1,
}


def order(**values: Any) -> OrderData:
    return msgspec.convert({**ORDER, **values}, OrderData)


@asynccontextmanager
async def trading(server: FakeServer, timeout_s: float = WAIT_S) -> AsyncIterator[Account]:
    login = Login("ws://test", token="any", opener=server.open)
    async with asyncio.timeout(WAIT_S), logged_in(login, print, timeout_s) as account:
        yield account


async def test_open_orders_are_all_that_is_open() -> None:
    server = FakeServer()
    async with trading(server) as account:
        placed = [await account.client.place_order(SYMBOL, "buy", "limit", "1", price) for price in (10, 11, 12)]
        server.fill(placed[1].order_id)

    async with trading(server) as account:
        found = await account.open_orders(None)
    assert [each.price for each in found] == ["10", "12"]


async def test_open_orders_may_be_of_one_market() -> None:
    server = FakeServer()
    async with trading(server) as account:
        await account.client.place_order(SYMBOL, "buy", "limit", "1", 10)
        await account.client.place_order("ETH/USDT", "buy", "limit", "1", 20)
        found = await account.open_orders("ETH/USDT")

    assert [each.symbol for each in found] == ["ETH/USDT"]


async def test_no_open_orders_is_an_answer() -> None:
    async with trading(FakeServer()) as account:
        assert await account.open_orders(None) == []


async def test_balances_are_those_of_the_account() -> None:
    server = FakeServer()
    server.account(BTC="1.5")
    async with trading(server) as account:
        head, rows = balance_rows((await account.balances()).balances)

    assert head == ["CURRENCY", "AVAILABLE", "LOCKED", "TOTAL"]
    assert rows == [["BTC", "1.5", "0", "1.5"]]


async def test_an_account_that_is_just_being_opened_has_a_moment() -> None:
    server = FakeServer()
    server.account()
    async with trading(server) as account:
        asking = asyncio.create_task(account.balances())
        await until(lambda: "account" in server.subscribed)
        server.account(BTC="1.5")
        found = await asking

    assert [held.currency for held in found.balances] == ["BTC"]


async def test_an_empty_account_is_an_answer() -> None:
    server = FakeServer()
    server.account()
    async with trading(server, timeout_s=0.05) as account:
        assert (await account.balances()).balances == []


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    async with trading(FakeServer(), timeout_s=0.01) as account:
        with pytest.raises(OutcomeUnknownError):
            await account.balances()


def test_an_order_that_waits_is_told_in_words() -> None:
    assert order_text(order()).split("\n") == [
        "buy 0.01 BTC/USDT at 45000.00 (limit, GTC): new",
        "order id         o-1",
        "client order id  mine",
    ]


def test_an_order_that_filled_is_told_with_its_price_and_fees() -> None:
    filled = {"status": "filled", "filled_quantity": "0.01", "average_price": "45001.50", "fees": "0.00001000"}

    assert order_text(order(type="market", time_in_force="IOC", **filled)).startswith(
        "buy 0.01 BTC/USDT (market, IOC): filled, 0.01 filled at 45001.50, fees 0.00001000 BTC\n"
    )


def test_an_order_that_expired_says_why() -> None:
    text = order_text(order(status="expired", reason="unfilled", post_only=True))

    assert text.startswith("buy 0.01 BTC/USDT at 45000.00 (limit, GTC, post-only): expired (unfilled)\n")


def test_a_table_of_orders_has_a_row_for_each() -> None:
    head, rows = order_rows([order(), order(order_id="o-2", client_order_id=None)])

    assert len(head) == len(rows[0])
    assert [(row[0], row[-1]) for row in rows] == [("o-1", "mine"), ("o-2", "")]
