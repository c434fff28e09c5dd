"""What happens when messages come faster than they are taken: what the caller chose, and it can be seen."""

import asyncio

from client.doubled import SYMBOL, conversing, take, until_live
from client.waiting import until
from finalex.client import Policy
from finalex.client.testing import FakeServer


async def test_a_blocking_subscription_stops_reading_and_loses_nothing() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL, inbox_max=3)
        await until_live(trades)
        for _ in range(50):
            server.trade(SYMBOL, "100.00", "1")
        await until(lambda: trades.waiting >= 3)
        for _ in range(20):
            await asyncio.sleep(0)
        assert trades.waiting == 3
        assert [trade.trade_id for trade in await take(trades, 50)] == [str(number) for number in range(1, 51)]


async def test_an_order_gets_through_although_an_inbox_is_full() -> None:
    server = FakeServer()
    async with conversing(server, token="any") as client:
        trades = client.trades(SYMBOL, inbox_max=1)
        await until_live(trades)
        for _ in range(5):
            server.trade(SYMBOL, "100.00", "1")
        await until(lambda: trades.waiting > 0)
        order = await client.place_order(SYMBOL, "buy", "limit", 1, "1.00")
        assert order.status == "new"
        assert len(await take(trades, 5)) == 5


async def test_what_the_policy_leaves_out_is_counted() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL, policy=Policy.DROP_OLDEST, inbox_max=2)
        ticker = client.ticker(SYMBOL, policy=Policy.LATEST_ONLY)
        await until_live(ticker)
        for number in range(5):
            server.trade(SYMBOL, "100.00", "1")
            server.ticker(SYMBOL, f"{number}.00")
        await until(lambda: min(trades.waiting + trades.dropped, ticker.waiting + ticker.dropped) == 5)
        assert [trade.trade_id for trade in await take(trades, 2)] == ["4", "5"]
        assert (await anext(ticker)).price == "4.00"
        assert (trades.dropped, ticker.dropped) == (3, 4)
