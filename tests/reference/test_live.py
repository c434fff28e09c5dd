"""What a server sends, and takes, fits the schemas: every type of message, and no field that they do not name."""

from typing import Any

from finalex.reference.channels import CHANNELS
from finalex.reference.messages import SERVER_MESSAGES
from reference.node import invalid
from support.server import Client, Message, Server, serving

SYMBOL = "BTC/USDT"
ORDER: dict[str, Any] = {"symbol": SYMBOL, "type": "limit"}


async def subscribe_to_everything(client: Client) -> None:
    for channel in CHANNELS.values():
        for params in ({}, {"snapshot": 10}) if channel.name.endswith("trades") else ({},):
            await client.request("subscribe", **(channel.example | params))
    await client.request("subscribe", subscriptions=[{"channel": "ticker", "symbol": SYMBOL}, {"channel": "none"}])
    await client.request("subscribe", channel="trades", symbol=SYMBOL, after=f"trades:{SYMBOL}:1")
    await client.request("list_subscriptions")
    await client.request("unsubscribe", channel="ticker", symbol=SYMBOL)
    await client.request("unsubscribe", subscriptions=[{"channel": "kline", "symbol": SYMBOL}, {"channel": "none"}])


async def trade(alice: Client, bob: Client) -> None:
    """Make orders of every status, and requests that are refused."""
    await alice.request("cancel_on_disconnect", enabled=True)
    accepted = await alice.request("place_order", **ORDER, side="sell", quantity="1", price="45678.90")
    await alice.request("place_order", **ORDER, side="buy", quantity="1", price="45000", client_order_id="mine-1")
    await bob.request("place_order", **ORDER, side="buy", quantity="0.5", price="45678.90")
    await bob.request("place_order", symbol=SYMBOL, type="market", side="buy", quantity="9")
    await bob.request("place_order", **ORDER, side="buy", quantity="1", price="46000", time_in_force="FOK")
    await bob.request("place_order", **ORDER, side="buy", quantity="900", price="46000")
    await alice.request("place_order", **ORDER, side="sell", quantity="0.1", price="45000")
    await alice.request("cancel_order", order_id=accepted["data"]["order_id"])
    await alice.request("cancel_all_orders", symbol=SYMBOL)


async def traffic(server: Server) -> list[Message]:
    """Return everything that clients see in a while."""
    async with server.client("alice") as alice, server.client("bob") as bob:
        for client in (alice, bob):
            await subscribe_to_everything(client)
        await trade(alice, bob)
        for client in (alice, bob):
            await subscribe_to_everything(client)
        await bob.request("auth", token=server.token("bob"))
        await bob.request("auth", token="wrong")
        await alice.send("[]")
        await alice.request("ping")
        await alice.until(lambda seen: {message["type"] for message in seen + bob.seen} >= SERVER_MESSAGES.keys())
        return alice.seen + bob.seen


async def test_everything_that_is_sent_fits() -> None:
    async with serving(source="exchange") as server:
        seen = await traffic(server)

    assert {message["type"] for message in seen} == SERVER_MESSAGES.keys()
    statuses = {message["data"]["status"] for message in seen if message["type"] == "order_update"}
    assert statuses >= {"new", "partially_filled", "filled", "canceled", "rejected", "expired"}
    assert invalid([(f"server.{message['type']}", message) for message in seen]) == []


async def test_a_market_with_traders_fits() -> None:
    async with serving(source="simulate", history_hours="1") as server, server.client() as client:
        for channel in CHANNELS.values():
            if not channel.private:
                await client.request("subscribe", **channel.example)
        await client.until(lambda seen: len(seen) > 500)

    assert invalid([(f"server.{message['type']}", message) for message in client.seen]) == []
