"""A market in the hands of the test: somebody who quotes, and somebody who takes."""

from support.server import Client, Server

SYMBOL = "BTC/USDT"
BID, ASK = "45000.00", "45010.00"
QUANTITY = "1.00000000"


async def quote(server: Server) -> None:
    """Put a bid and an ask into the book, and let one trade happen at each."""
    async with server.client("maker") as maker, server.client("taker") as taker:
        await limit(maker, "buy", QUANTITY, BID)
        await limit(maker, "sell", QUANTITY, ASK)
        for side in ("buy", "sell"):
            await market(taker, side, "0.10000000")


async def limit(client: Client, side: str, quantity: str, price: str) -> None:
    """Place a limit order that is accepted."""
    order = {"symbol": SYMBOL, "side": side, "type": "limit", "quantity": quantity, "price": price}
    reply = await client.request("place_order", **order)
    assert reply["type"] == "order_accepted", reply


async def market(client: Client, side: str, quantity: str) -> None:
    """Place a market order that is accepted."""
    reply = await client.request("place_order", symbol=SYMBOL, side=side, type="market", quantity=quantity)
    assert reply["type"] == "order_accepted", reply
