"""Whether the connection that a stream waited at was lost without a word."""

import asyncio
from types import SimpleNamespace
from typing import Any

from finalex.sources.upstream.connections import Connections

ONE, TWO = SimpleNamespace(url="ws://one"), SimpleNamespace(url="ws://two")


class Client:
    """As much of a connection of ccxt as is used: it can read numbers."""

    url = "ws://one"

    def __init__(self) -> None:
        self.read: list[int] = []
        self.errors: list[Exception] = []

    def handle_message(self, message: str) -> None:
        self.read.append(int(message))

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


class Exchange:
    """As much of an exchange of ccxt as is listened to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.clients: dict[str, Any] = {ONE.url: ONE, TWO.url: TWO}

    def watch(self, url: str, name: str) -> str:
        self.calls.append(("watch", url, name))
        return "a future"

    def watch_multiple(self, url: str, names: list[str], *, message: str = "") -> str:
        self.calls.append(("watch_multiple", url, names, message))
        return "another future"

    def on_error(self, client: Any, error: str) -> None:
        self.calls.append(("on_error", client.url, error))

    def on_connected(self, client: Any, message: Any = None) -> None:
        self.calls.append(("on_connected", client.url))

    def on_close(self, client: Any, code: int) -> None:
        self.calls.append(("on_close", client.url, code))


async def test_everything_is_passed_on() -> None:
    exchange = Exchange()
    Connections(exchange)
    assert exchange.watch("ws://one", "book") == "a future"
    assert exchange.watch_multiple("ws://one", ["book"], message="{}") == "another future"
    exchange.on_error(ONE, "reset")
    exchange.on_close(ONE, 1006)
    assert exchange.calls == [
        ("watch", "ws://one", "book"),
        ("watch_multiple", "ws://one", ["book"], "{}"),
        ("on_error", "ws://one", "reset"),
        ("on_close", "ws://one", 1006),
    ]


async def test_a_loss_is_seen_by_whoever_waited_there() -> None:
    exchange = Exchange()
    connections = Connections(exchange)
    assert not connections.lost()
    exchange.watch("ws://one", "book")
    assert not connections.lost()
    exchange.on_close(TWO, 1006)
    assert not connections.lost()
    exchange.on_close(ONE, 1006)
    assert connections.lost()
    exchange.watch("ws://one", "book")
    assert not connections.lost()


async def test_the_end_of_a_connection_that_was_replaced_is_no_loss() -> None:
    exchange = Exchange()
    connections = Connections(exchange)
    exchange.clients[ONE.url] = TWO
    exchange.watch("ws://one", "book")
    exchange.on_close(ONE, 1006)
    assert not connections.lost()


async def test_tasks_do_not_see_each_others_losses() -> None:
    exchange = Exchange()
    connections = Connections(exchange)
    exchange.watch("ws://one", "book")

    async def other() -> bool:
        exchange.watch_multiple("ws://two", ["trades"])
        exchange.on_error(ONE, "reset")
        return connections.lost()

    assert not await asyncio.create_task(other())
    assert connections.lost()


async def test_a_message_that_cannot_be_read_ends_the_connection() -> None:
    exchange = Exchange()
    Connections(exchange)
    client = Client()
    exchange.on_connected(client)
    client.handle_message("7")
    client.handle_message("garbage")
    assert client.read == [7]
    assert [type(error) for error in client.errors] == [ValueError]
    assert exchange.calls == [("on_connected", "ws://one")]
