"""A matching engine of your own behind Finalex: it publishes what happens, and takes the orders of Finalex's clients.

    finalex engine --nats nats://127.0.0.1:4222 --nats-replicas 1 --source external
    finalex gateway --nats nats://127.0.0.1:4222
    python examples/external_engine.py nats://127.0.0.1:4222

The whole exchange is one market in memory, with a house that quotes around a wandering price. So it must begin with a
cluster that has no events yet; a real engine goes on from its own log after a restart, and publishes what it is not
sure of again, with the same Nats-Msg-Id. docs/external-engines.md has every event and every rule.

Needs: pip install nats-py
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

CLUSTER = sys.argv[2] if len(sys.argv) > 2 else "main"
EVENTS, COMMANDS = f"finalex.{CLUSTER}.events", f"finalex.{CLUSTER}.external.commands"
SYMBOL, TICK, LOT = "BTC/USDT", Decimal("0.01"), Decimal("0.00001")  # as the gateways have the market
PRICE_MAX, QUANTITY_MAX = Decimal(1_000_000), Decimal(9_000)
HOUSE = "house"
GIFT = {"USDT": Decimal(10_000_000), "BTC": Decimal(1_000)}
QUOTES_APART_S = 1.0

Event = dict[str, Any]


@dataclass
class Order:
    number: int
    user: str
    side: str
    type: str
    price: Decimal
    left: Decimal
    rested: bool = False


class Engine:
    """Price-time priority for one market; every method returns what happened, as Finalex wants to be told."""

    def __init__(self) -> None:
        self.open: dict[int, Order] = {}
        self.free: dict[str, dict[str, Decimal]] = {}
        self.orders = self.trades = 0

    def welcome(self, user: str) -> list[Event]:
        if user in self.free:
            return []
        self.free[user] = dict(GIFT)
        fields = {"event": "credited", "user": user}
        return [
            fields | {"currency": currency, "amount": f"{amount:.8f}", "reference": f"welcome:{currency}"}
            for currency, amount in GIFT.items()
        ]

    def place(self, user: str, request: Event) -> tuple[list[Event], int, str]:
        """Return the events of a new order and its number, or none, 0 and the reason why it is refused."""
        side, quantity, price = request["side"], Decimal(request["quantity"]), Decimal(request["price"] or 0)
        makers = self.makers(side, price if request["type"] == "limit" else None)
        fills = list(self.fills(makers, quantity))
        if request["type"] == "market" and side == "buy":
            locked = sum((maker.price * taken for maker, taken in fills), Decimal(0))
        else:
            locked = quantity * price if side == "buy" else quantity
        reason = self.refusal(user, request, fills, locked)
        if reason:
            return [], 0, reason
        self.orders += 1
        order = Order(self.orders, user, side, request["type"], price, quantity)
        self.free[user]["USDT" if side == "buy" else "BTC"] -= locked
        given = ("symbol", "side", "type", "time_in_force", "post_only", "client_order_id")
        accepted = {name: request[name] for name in given} | {"event": "order_accepted", "user": user}
        accepted |= {"order": order.number, "price": f"{price:.2f}", "quantity": f"{quantity:.8f}"}
        events = [accepted | {"locked": f"{locked:.8f}"}, *(self.trade(order, *fill) for fill in fills)]
        return events + self.rest_or_end(order, request["time_in_force"]), order.number, ""

    def refusal(self, user: str, request: Event, fills: list[Any], locked: Decimal) -> str:
        """Return why an order is refused, one of the reasons that Finalex's clients know, or nothing."""
        quantity = Decimal(request["quantity"])
        if request["type"] == "limit" and not TICK <= Decimal(request["price"]) <= PRICE_MAX:
            return "price_out_of_bounds"
        if not LOT <= quantity <= QUANTITY_MAX:
            return "quantity_out_of_bounds"
        if quantity % LOT:
            return "quantity_not_on_lot"
        if request["post_only"] and fills:
            return "post_only_would_take"
        whole = sum(taken for _, taken in fills) == quantity
        if (not fills and request["type"] == "market") or (not whole and request["time_in_force"] == "FOK"):
            return "no_liquidity"
        return "insufficient_funds" if locked > self.free[user]["USDT" if request["side"] == "buy" else "BTC"] else ""

    def makers(self, side: str, limit: Decimal | None) -> list[Order]:
        """Return the resting orders that one of `side` meets, best first, at one price oldest first."""
        sign = 1 if side == "buy" else -1
        others = [order for order in self.open.values() if order.side != side]
        meets = [order for order in others if limit is None or sign * order.price <= sign * limit]
        return sorted(meets, key=lambda order: (sign * order.price, order.number))

    @staticmethod
    def fills(makers: list[Order], quantity: Decimal) -> Any:
        for maker in makers:
            taken = min(quantity, maker.left)
            if taken:
                quantity -= taken
                yield maker, taken

    def trade(self, taker: Order, maker: Order, quantity: Decimal) -> Event:
        self.trades += 1
        for order in (taker, maker):
            order.left -= quantity
            amount = quantity * maker.price
            self.free[order.user]["BTC" if order.side == "buy" else "USDT"] += (
                quantity if order.side == "buy" else amount
            )
            if order.side == "buy" and order.type == "limit":
                self.free[order.user]["USDT"] += quantity * (order.price - maker.price)  # a better price frees money
        if not maker.left:
            del self.open[maker.number]
        sides = {"maker_order": maker.number, "taker_order": taker.number, "maker": maker.user, "taker": taker.user}
        deal = {"price": f"{maker.price:.2f}", "quantity": f"{quantity:.8f}", "side": taker.side}
        return {"event": "traded", "symbol": SYMBOL, "trade": self.trades} | deal | sides

    def rest_or_end(self, order: Order, time_in_force: str) -> list[Event]:
        if not order.left:
            return []
        if order.type == "limit" and time_in_force == "GTC":
            self.open[order.number], order.rested = order, True
            fields = {"event": "order_rested", "order": order.number, "symbol": SYMBOL, "side": order.side}
            return [fields | {"price": f"{order.price:.2f}", "quantity": f"{order.left:.8f}"}]
        return [self.end(order, "unfilled")]

    def end(self, order: Order, reason: str) -> Event:
        self.open.pop(order.number, None)
        if order.side == "sell":
            self.free[order.user]["BTC"] += order.left
        elif order.type == "limit":
            self.free[order.user]["USDT"] += order.left * order.price
        fields = {"event": "order_ended", "order": order.number, "user": order.user, "symbol": SYMBOL}
        rest = {"side": order.side, "price": f"{order.price:.2f}", "quantity": f"{order.left:.8f}"}
        return fields | rest | {"rested": order.rested, "reason": reason}

    def cancel(self, user: str, numbers: list[int]) -> list[Event]:
        orders = [self.open[number] for number in numbers if number in self.open]
        return [self.end(order, "canceled") for order in orders if order.user == user]


class Program:
    """The engine on NATS: one thing after the other, each with its events published before anybody is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream = client.jetstream()
        self.engine = Engine()
        self.turn = asyncio.Lock()
        self.published = 0
        self.first_answers: dict[tuple[str, str], Event] = {}

    async def publish(self, events: list[Event]) -> int:
        """Publish what happened together, and return where it is stored. Retries are safe: the id is the same."""
        self.published += 1
        message = json.dumps({"version": 1, "time_ms": time.time_ns() // 1_000_000, "events": events}).encode()
        headers = {"Nats-Msg-Id": f"example-{self.published}", "Finalex-Producer": "example"}
        while True:
            try:
                stored = await self.jetstream.publish(EVENTS, message, headers=headers)
            except nats.errors.Error as error:
                print(f"not published yet: {error!r}", file=sys.stderr)
                await asyncio.sleep(0.5)
            else:
                return int(stored.seq)

    async def take(self, message: Msg) -> None:
        request = json.loads(message.data)
        async with self.turn:
            late = time.time_ns() // 1_000_000 > request["deadline_ms"]
            answer = {"outcome": "unavailable"} if late else await self.carry_out(request)
        await message.respond(json.dumps(answer).encode())

    async def carry_out(self, request: Event) -> Event:
        user = request.get("user", "")
        if request["command"] == "place_order":
            return await self.place(user, request)
        if request["command"] == "cancel_order":
            return await self.cancel(user, [request["order"] or self.number(user, request["client_order_id"])])
        if request["command"] == "cancel_all_orders":
            return {"orders": []} | await self.cancel(user, list(self.engine.open)) | {"outcome": "canceled"}
        return {"outcome": "unavailable"}  # what an operator may ask is not for this engine

    async def place(self, user: str, request: Event) -> Event:
        known = self.first_answers.get((user, request["client_order_id"]))
        if known is not None:
            return known  # never carried out twice
        welcome = self.engine.welcome(user)
        if welcome:
            await self.publish(welcome)
        if request["symbol"] != SYMBOL:
            return {"outcome": "rejected", "reason": "trading_disabled"}
        events, number, reason = self.engine.place(user, request)
        if reason:
            return {"outcome": "rejected", "reason": reason}
        answer = {"outcome": "accepted", "order": number, "sequence": await self.publish(events)}
        if request["client_order_id"] is not None:
            self.first_answers[user, request["client_order_id"]] = answer
        return answer

    def number(self, user: str, client_order_id: str) -> int:
        number: int = self.first_answers.get((user, client_order_id), {}).get("order", 0)
        return number

    async def cancel(self, user: str, numbers: list[int]) -> Event:
        events = self.engine.cancel(user, numbers)
        if not events:
            return {"outcome": "not_found"}
        return {"outcome": "canceled", "orders": [e["order"] for e in events], "sequence": await self.publish(events)}

    async def quote(self) -> None:
        """Let the house replace its orders again and again, around a price that wanders."""
        price = Decimal(50_000)
        while True:
            price = max(Decimal(1_000), price + TICK * random.randint(-500, 500))  # noqa: S311 (no secret)
            async with self.turn:
                events = self.engine.welcome(HOUSE)
                own = [number for number, order in self.engine.open.items() if order.user == HOUSE]
                events += self.engine.cancel(HOUSE, own)
                for side, sign in (("buy", -1), ("sell", 1)):
                    for level in range(1, 11):
                        order: Event = {"symbol": SYMBOL, "side": side, "type": "limit", "time_in_force": "GTC"}
                        order |= {"post_only": False, "quantity": "0.5", "client_order_id": None}
                        order["price"] = str(price + sign * level * 10 * TICK)
                        events += self.engine.place(HOUSE, order)[0]
                await self.publish(events)
            await asyncio.sleep(QUOTES_APART_S)


async def main(url: str) -> None:
    client = await nats.connect(url)
    program = Program(client)
    try:
        stream = await program.jetstream.stream_info(f"FINALEX_{CLUSTER}_EVENTS")
    except NotFoundError:
        sys.exit("Nobody takes events yet: start 'finalex engine --source external' first.")
    if stream.state.last_seq:
        sys.exit("This cluster has events already, and the example remembers none: begin with a new cluster.")
    await client.subscribe(COMMANDS, cb=program.take)
    print("the market is open", flush=True)
    await program.quote()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
