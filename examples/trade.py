"""Place an order on a Finalex server, watch it fill, and see what it did to the account.

    python examples/trade.py ws://localhost:8081 "$(finalex token --user alice)"

Needs: pip install websockets
"""

import asyncio
import json
import sys
from typing import Any

import websockets


async def main(url: str, token: str) -> None:
    async with websockets.connect(f"{url}/?token={token}") as ws:

        async def send(method: str, **params: Any) -> None:
            await ws.send(json.dumps({"id": method, "method": method, "params": params}))

        private = [{"channel": channel} for channel in ("account", "orders", "user_trades")]
        await send("subscribe", subscriptions=private)
        order = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "quantity": "0.01"}
        await send("place_order", **order, client_order_id="my-first-order")

        async for text in ws:
            message = json.loads(text)
            data = message["data"]
            match message["type"]:
                case "order_accepted":
                    print(f"order {data['order_id']} is {data['status']}")
                    break
                case "user_trade":
                    print(f"bought {data['quantity']} at {data['price']}, fee {data['fee']} {data['fee_currency']}")
                case "account_update":
                    print("account:", ", ".join(f"{b['total']} {b['currency']}" for b in data["balances"]))
                case "error":
                    sys.exit(f"{data['message']}: {data['details']}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
