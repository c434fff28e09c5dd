"""A market maker: keeps a bid and an ask around the middle of the book, and knows what became of each order.

    python examples/market_maker.py ws://localhost:8081 "$(finalex token --user maker)" [SECONDS]

It quotes anew when the middle has moved or a quote was filled, stops buying or selling when it holds too much or too
little, and takes its orders back when it ends.
"""

import asyncio
import sys
from decimal import ROUND_DOWN, Decimal
from uuid import uuid4

from finalex.client import Client, OrderRejectedError, OutcomeUnknownError, RequestFailedError, connect

SYMBOL = "BTC/USDT"
TICK = Decimal("0.01")
QUANTITY = Decimal("0.01")
POSITION_MAX = Decimal("0.10")
DISTANCE = Decimal("0.0002")
"""From the middle to each quote, as a share of it."""

MOVE = Decimal("0.0001")
"""How far the middle must have moved before it quotes anew, as a share of it."""

ATTEMPTS_MAX = 10
"""How often it asks for an outcome, ten seconds each, before it gives up."""


class Maker:
    """One symbol's market maker; `position` is what it has bought less what it has sold."""

    def __init__(self, client: Client) -> None:
        self.position = Decimal(0)
        self._client = client
        self._run = uuid4().hex[:8]
        self._placed = 0
        self._open: dict[str, str] = {}
        self._filled = False

    async def make(self) -> None:
        """Quote until cancelled."""
        quoted = Decimal(0)
        async for book in self._client.book(SYMBOL, depth=5):
            if not (book.best_bid and book.best_ask):
                continue
            middle = (Decimal(book.best_bid[0]) + Decimal(book.best_ask[0])) / 2
            if abs(middle - quoted) > MOVE * middle or self._filled:
                quoted, self._filled = middle, False
                for side, sign in (("buy", -1), ("sell", 1)):
                    await self._quote(side, (middle * (1 + sign * DISTANCE)).quantize(TICK, ROUND_DOWN))

    async def count(self) -> None:
        """Keep `position` until cancelled; fills come once each, also those of while the connection was lost."""
        async for fill in self._client.user_trades():
            if (fill.client_order_id or "").startswith(self._run):
                self.position += Decimal(fill.quantity) * (1 if fill.side == "buy" else -1)
                print(f"{fill.side} {fill.quantity} at {fill.price}, position {self.position}", flush=True)
                self._filled = True

    async def _quote(self, side: str, price: Decimal) -> None:
        """Put the quote of a side at a price, in place of the one before."""
        before = self._open.pop(side, None)
        if before is not None:
            await self._withdraw(before)
        if abs(self.position + (QUANTITY if side == "buy" else -QUANTITY)) > POSITION_MAX:
            return
        try:
            self._open[side] = await self._place(side, price)
        except OrderRejectedError as rejected:  # the market has moved onto the price, or the account is empty
            print(f"no {side} at {price}: {rejected.reason}", flush=True)

    async def _place(self, side: str, price: Decimal) -> str:
        """Place an order and return its id; asked again under the same name, it is placed once."""
        self._placed += 1
        name = f"{self._run}-{self._placed}"
        for _ in range(ATTEMPTS_MAX):
            try:
                order = await self._client.place_order(
                    SYMBOL, side, "limit", QUANTITY, price, post_only=True, client_order_id=name
                )
            except OutcomeUnknownError:
                continue
            print(f"{side} quote at {price}", flush=True)
            return order.order_id
        sys.exit(f"no outcome of {name}")

    async def _withdraw(self, order_id: str) -> None:
        try:
            await self._client.cancel_order(order_id)
        except RequestFailedError as error:
            if error.code != "NOT_FOUND":  # it was filled meanwhile: `count` hears of it
                raise


async def main(url: str, token: str, seconds: float | None) -> None:
    async with connect(url, token=token) as client:
        await client.cancel_all_orders(SYMBOL)  # what an earlier run may have left
        maker = Maker(client)
        counting = asyncio.create_task(maker.count())
        try:
            async with asyncio.timeout(seconds):
                await maker.make()
        except TimeoutError:
            pass
        finally:
            left = await client.cancel_all_orders(SYMBOL)
            counting.cancel()
            print(f"took {len(left)} orders back, position {maker.position}")


if __name__ == "__main__":
    server, credential, *rest = sys.argv[1:]
    asyncio.run(main(server, credential, float(rest[0]) if rest else None))
