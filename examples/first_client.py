"""Stream prices in five lines.

python examples/first_client.py [ws://localhost:8081]
"""

import asyncio
import sys

from finalex.client import connect


async def main(url: str) -> None:
    async with connect(url) as client:
        async for ticker in client.ticker("BTC/USDT"):
            print(ticker.price, ticker.bid, ticker.ask, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8081"))
