"""Orders of a client, each with an outcome that is known."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast
from uuid import uuid4

from finalex.client.driver import monotonic_ms
from finalex.client.effects import Effect
from finalex.client.life import Life
from finalex.client.messages import OrdersCanceledData
from finalex.protocol.messages import OrderData

REQUEST_TIMEOUT_S = 10.0

Amount = str | int | Decimal
"""An exact number; a float is none."""


class Trading(Life):
    """Requests that are sent until their outcome is known, over as many connections as it takes."""

    async def place_order(
        self,
        symbol: str,
        side: str,
        type: str,  # noqa: A002 (the protocol's word)
        quantity: Amount,
        price: Amount | None = None,
        *,
        time_in_force: str | None = None,
        post_only: bool = False,
        client_order_id: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> OrderData:
        """Place an order and return it as it was when it was accepted, durably.

        `side` is `buy` or `sell`, `type` `limit` or `market`, `time_in_force` `GTC`, `IOC` or `FOK`; `quantity` is in
        the base, `price` in the quote. If the connection is lost, the order is sent again over the next one with the
        same `client_order_id` (made if not given), which places it once. Raises `OrderRejectedError` if it breaks a
        rule, `RequestFailedError` if it is not understood, `OutcomeUnknownError` if there is no outcome within
        `timeout_s`, and `TypeError` for a float.
        """
        params: dict[str, object] = {"symbol": symbol, "side": side, "type": type, "quantity": decimal_text(quantity)}
        params["client_order_id"] = client_order_id or uuid4().hex
        if price is not None:
            params["price"] = decimal_text(price)
        if time_in_force is not None:
            params["time_in_force"] = time_in_force
        if post_only:
            params["post_only"] = True
        return cast("OrderData", await self._request("place_order", params, timeout_s))

    async def cancel_order(
        self,
        order_id: str | None = None,
        *,
        client_order_id: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> list[str]:
        """Cancel an open order, named by one of its ids; return the ids of what was canceled.

        Raises `RequestFailedError` (`NOT_FOUND`) if there is no such open order, and `CancelRejectedError` if the
        exchange cancels nothing now (`market_halted`, `exchange_unavailable`): the order stays as it is. If the
        connection was lost meanwhile, the list is empty where the order is open no longer and this request may have
        ended it: `orders` tells. Otherwise as `place_order`.
        """
        named = {"order_id": order_id, "client_order_id": client_order_id}
        return await self._cancel("cancel_order", {name: text for name, text in named.items() if text}, timeout_s)

    async def cancel_all_orders(self, symbol: str | None = None, *, timeout_s: float = REQUEST_TIMEOUT_S) -> list[str]:
        """Cancel all open orders, of one symbol or of all; return the ids of what was canceled.

        If the connection was lost meanwhile, those that the first sending had canceled are not among them.
        """
        return await self._cancel("cancel_all_orders", {"symbol": symbol} if symbol else {}, timeout_s)

    async def cancel_on_disconnect(self, enabled: bool = True, *, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        """Have the server cancel this client's open orders whenever one of its connections ends, or stop that.

        Every later connection asks for the same before anything else. Of a connection that is lost, the orders that it
        placed are canceled, however soon another one is there.
        """
        await self._reply(lambda deadline_ms: self._core.cancel_on_disconnect(deadline_ms, enabled=enabled), timeout_s)

    async def _cancel(self, method: str, params: Mapping[str, object], timeout_s: float) -> list[str]:
        return cast("OrdersCanceledData", await self._request(method, params, timeout_s)).order_ids

    async def _request(self, method: str, params: Mapping[str, object], timeout_s: float) -> object:
        return await self._reply(lambda deadline_ms: self._core.request(method, params, deadline_ms), timeout_s)

    async def _reply(self, make: Callable[[int], tuple[int, list[Effect]]], timeout_s: float) -> object:
        """Make a request, which ends at a time on the clock of `monotonic_ms`, and return the reply."""
        driver = self._open_driver
        if driver.failure is not None:
            raise driver.failure
        number, effects = make(monotonic_ms() + round(timeout_s * 1000))
        reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        driver.replies[number] = reply
        driver.carry_out(effects)
        driver.relieve()
        try:
            return await reply
        finally:
            driver.replies.pop(number, None)
            self._core.requests.forget(number)
            driver.relieve()


def decimal_text(number: Amount) -> str:
    """Return an exact number as plain decimal text; raises `TypeError` for a float."""
    if isinstance(number, str):
        return number
    if isinstance(number, Decimal):
        return format(number, "f")
    if isinstance(number, int) and not isinstance(number, bool):
        return str(number)
    raise TypeError(f"give a number as text, Decimal or int, for {type(number).__name__} is not exact")
