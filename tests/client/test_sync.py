"""The client without `async`, before a real server in another thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from finalex.client import ConnectionClosedError, ConnectionFailedError
from finalex.client.sync import connect
from support.server import Server, serving

SYMBOL = "BTC/USDT"


@contextmanager
def served() -> Iterator[Server]:
    """Run a server in a thread of its own."""
    ready, over = threading.Event(), asyncio.Event()
    found: list[tuple[Server, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with serving(source="simulate", history_hours="0") as server:
            found.append((server, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    server, loop = found[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def test_a_script_streams_and_trades_without_async() -> None:
    with served() as server, connect(server.url, token=server.token("alice")) as client:
        ticker = next(client.ticker(SYMBOL))
        assert ticker.symbol == SYMBOL
        book = client.book(SYMBOL, depth=5)
        next(book)
        assert len(book.bids) == len(book.asks) == 5
        order = client.place_order(SYMBOL, "buy", "limit", "1", "10.00")
        orders = client.orders()
        assert next(orders).order_id == order.order_id
        with pytest.raises(TimeoutError):
            orders.next(timeout_s=0.01)
        assert client.cancel_order(order.order_id) == [order.order_id]
        assert orders.next(timeout_s=10).status == "canceled"
        orders.close()
        assert list(orders) == []
    with pytest.raises(ConnectionClosedError):
        next(book)


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(ConnectionFailedError), connect("ws://127.0.0.1:1"):
        pass
