"""A bot in the conventions of ccxt: buys a little at the best price, tells what it cost, and sells it again.

    python examples/bot.py ws://localhost:8081 "$(finalex token --user alice)"

On another exchange the line that makes `exchange` would be `exchange = ccxt.pro.binance({"apiKey": …, "secret": …})`.
"""

import asyncio
import sys

from finalex.client.unified import Exchange

SYMBOL = "BTC/USDT"
AMOUNT = 0.01


async def main(url: str, token: str) -> None:
    exchange = Exchange({"url": url, "token": token})
    try:
        bought = 0.0
        while not bought:
            book = await exchange.watch_order_book(SYMBOL, limit=5)
            if book["asks"]:
                best = book["asks"][0][0]
                order = await exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, best, {"timeInForce": "IOC"})
                bought = order["filled"]
        print(f"bought {bought} for {order['cost']:.2f}")
        order = await exchange.create_order(SYMBOL, "market", "sell", AMOUNT)
        print(f"sold {order['filled']} for {order['cost']:.2f}")
        balance = await exchange.watch_balance()
        print(f"free: {balance['free']['USDT']:.2f} USDT")
    finally:
        await exchange.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
