"""An engine that is not ours, on a real NATS server, with our engine and a gateway between it and its clients."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import websockets

from cluster.engines import EngineCluster, engine_cluster, leads
from finalex.clock import now_ms
from finalex.cluster.external import (
    CUT_HEADER,
    DEAD_MESSAGE_BYTES_MAX,
    PRODUCER_HEADER,
    REASON_HEADER,
    SEQUENCE_HEADER,
    NatsEvents,
    count_dead_letters,
)
from finalex.credentials.grants import Grant
from finalex.roles.gateway import gateway_running
from finalex.sources.external_port import EventMessage, InputMissingError
from log.jetstream.written import until
from support.external import message
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

ROOT = Path(__file__).parents[2]
SECRET = "external-engine-test-secret-of-32-bytes"
CREDITED = {"event": "credited", "user": "ann", "currency": "USDT", "amount": "1000"}
ENGINE: dict[str, Any] = {"source": "external"}


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


def credit(number: int) -> bytes:
    return message([CREDITED | {"reference": str(number)}], now_ms())


async def publish(cluster: EngineCluster, data: bytes, **headers: str) -> int:
    stored = await cluster.client.jetstream().publish(cluster.names.events, data, headers=headers or None)
    return stored.seq


async def references(cluster: EngineCluster) -> list[str]:
    """Return the references of all credits in the log, in order."""
    return [getattr(event, "reference", "") for batch in await cluster.batches() for event in batch.events]


async def taken(cluster: EngineCluster, sequence: int) -> None:
    """Wait until the log has the message `sequence`."""
    async with asyncio.timeout(30):
        while (await cluster.stream.end()).position < sequence:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.01)


# --- the streams ------------------------------------------------------------------------------------------


async def test_messages_are_read_in_pieces_as_they_are_published(cluster: EngineCluster) -> None:
    events = NatsEvents(cluster.client, cluster.names, 1)
    assert await events.read(0) == []
    for number in range(300):
        await publish(cluster, b"%d" % number, **{"Content-Type": "application/msgpack", PRODUCER_HEADER: "me"})

    first = await events.read(0)
    second = await events.read(first[-1].sequence)

    assert [each.data for each in first + second] == [b"%d" % number for number in range(300)]
    assert first[0] == EventMessage(1, "application/msgpack", "me", b"0", pending=299)
    assert second[-1].pending == 0


async def test_a_message_is_heard_of_when_it_is_stored(cluster: EngineCluster) -> None:
    events = NatsEvents(cluster.client, cluster.names, 1)
    await events.read(0)
    reading = asyncio.create_task(events.read(0))
    await publish(cluster, b"new")

    assert [each.data for each in await reading] == [b"new"]


async def test_messages_that_were_purged_unread_are_missed(cluster: EngineCluster) -> None:
    events = NatsEvents(cluster.client, cluster.names, 1)
    await events.prepare()
    for _ in range(3):
        await publish(cluster, b"x")
    await events.forget(2)

    assert [each.sequence for each in await events.read(2)] == [3]
    with pytest.raises(InputMissingError, match="up to 1, and what follows is gone: the oldest one stored is 3"):
        await events.read(1)


async def test_a_stream_that_ends_too_early_is_another(cluster: EngineCluster) -> None:
    events = NatsEvents(cluster.client, cluster.names, 1)
    await events.prepare()
    await publish(cluster, b"x")

    with pytest.raises(InputMissingError, match="the stream has 1 to 1"):
        await events.read(7)


async def test_what_is_set_aside_is_found_with_the_reason_once(cluster: EngineCluster) -> None:
    events = NatsEvents(cluster.client, cluster.names, 1)
    assert await count_dead_letters(cluster.client, cluster.names) == 0
    await events.prepare()
    long = b"x" * (DEAD_MESSAGE_BYTES_MAX + 1)
    for bad in (EventMessage(5, "", "me", b"{}"), EventMessage(5, "", "me", b"{}"), EventMessage(6, "a/b", "", long)):
        await events.set_aside(bad, "it is «wrong»\r\nEvil: yes")

    jetstream = cluster.client.jetstream()
    first, second = [await jetstream.get_msg(cluster.names.dead_stream, number) for number in (1, 2)]
    assert await count_dead_letters(cluster.client, cluster.names) == 2
    assert first.data == b"{}"
    assert first.headers == {
        "Nats-Msg-Id": "5",
        "Content-Type": "application/json",
        SEQUENCE_HEADER: "5",
        PRODUCER_HEADER: "me",
        REASON_HEADER: "it is \\xabwrong\\xbb  Evil: yes",
    }
    assert second.data == long[:-1]
    assert (second.headers or {})[CUT_HEADER] == str(len(long))


# --- our engine on top ------------------------------------------------------------------------------------


async def test_what_is_published_is_in_the_log_once_whichever_engine_leads(cluster: EngineCluster) -> None:
    first = await cluster.lead("a", **ENGINE)
    second = await cluster.follow("b", **ENGINE)
    await until(lambda: first.role.leading is not None)
    numbers = itertools.count(1)

    stopping = asyncio.Event()

    async def produce() -> None:
        while not stopping.is_set():
            await publish(cluster, credit(next(numbers)))

    await taken(cluster, 0)
    await NatsEvents(cluster.client, cluster.names, 1).prepare()
    producing = asyncio.create_task(produce())
    await taken(cluster, 20)
    await first.stop()
    await leads(second)
    third = await cluster.start("c", **ENGINE)
    await taken(cluster, (await cluster.stream.end()).position + 20)
    await second.stop()
    await leads(third)
    stopping.set()
    await producing
    bad = await publish(cluster, b"nonsense")
    last = await publish(cluster, credit(0))
    await taken(cluster, last)

    assert (bad, last) == (next(numbers), bad + 1)
    assert await references(cluster) == [*map(str, range(1, bad)), "0"]
    assert await count_dead_letters(cluster.client, cluster.names) == 1


@asynccontextmanager
async def example(cluster: EngineCluster) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the example engine from when its market is open."""
    arguments = (str(ROOT / "examples" / "external_engine.py"), cluster.servers.urls[0], cluster.name)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=-1)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"the market is open\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Trader:
    """A client of the gateway, who keeps what comes by type."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self.got: list[dict[str, Any]] = []

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its reply."""
        name = f"{method}-{len(self.got)}"
        await self._connection.send(json.dumps({"id": name, "method": method, "params": params}))
        return await self.until(lambda each: each["id"] == name)

    async def until(self, wanted: Any) -> dict[str, Any]:
        """Return the first message there is, or comes, that is `wanted`."""
        found = next((each for each in self.got if wanted(each)), None)
        while found is None:
            self.got.append(json.loads(await asyncio.wait_for(self._connection.recv(), 30)))
            found = self.got[-1] if wanted(self.got[-1]) else None
        return found


@asynccontextmanager
async def trader(cluster: EngineCluster) -> AsyncIterator[Trader]:
    """Have a gateway, and a client who may trade there."""
    config = replace(cluster.config("gateway", jwt_secret=SECRET, port="0", data_dir=":memory:"))
    token = config.sign_token(Grant(user="bob", scopes=frozenset({"read", "trade"}), ttl_ms=3_600_000), now_ms())
    async with (
        gateway_running(config) as gateway,
        websockets.connect(f"ws://127.0.0.1:{gateway.port}/?token={token}") as connection,
    ):
        yield Trader(connection)


async def test_clients_trade_on_the_example_engine(cluster: EngineCluster) -> None:
    await cluster.lead("a", **ENGINE)
    await NatsEvents(cluster.client, cluster.names, 1).prepare()
    async with example(cluster), trader(cluster) as bob:
        for channel in ("orders", "user_trades", "account"):
            await bob.ask("subscribe", channel=channel)
        await bob.ask("subscribe", channel="orderbook", symbol="BTC/USDT")
        book = await bob.until(lambda each: each["type"] == "orderbook_snapshot" and len(each["data"]["asks"]) == 10)
        order = {"symbol": "BTC/USDT", "side": "buy", "type": "limit"}
        bought = await bob.ask("place_order", **order, quantity="0.3", price="60000.00", client_order_id="c1")
        again = await bob.ask("place_order", **order, quantity="0.3", price="60000.00", client_order_id="c1")
        waiting = await bob.ask("place_order", **order, quantity="0.3", price="1000.00")
        off_lot = await bob.ask("place_order", **order, quantity="0.000001", price="1000.00")
        canceled = await bob.ask("cancel_order", order_id=waiting["data"]["order_id"])
        fill = await bob.until(lambda each: each["type"] == "user_trade")

    assert float(book["data"]["bids"][0][0]) < float(book["data"]["asks"][0][0])
    assert bought["data"]["status"] == "filled"
    assert again["data"]["order_id"] == bought["data"]["order_id"]
    assert waiting["data"]["status"] == "new"
    assert off_lot["data"]["reason"] == "quantity_out_of_bounds"
    assert canceled["data"]["order_ids"] == [waiting["data"]["order_id"]]
    assert (fill["data"]["quantity"], fill["data"]["role"]) == ("0.30000000", "taker")
    assert await count_dead_letters(cluster.client, cluster.names) == 0


async def test_without_an_engine_behind_it_orders_are_refused_and_the_market_is_shown(cluster: EngineCluster) -> None:
    await cluster.lead("a", **ENGINE)
    await NatsEvents(cluster.client, cluster.names, 1).prepare()
    book = {"event": "book_reset", "symbol": "ETH/USDT", "bids": [["3000", "1.5"]], "asks": [["3001", "2"]]}
    trade = {"event": "traded", "symbol": "ETH/USDT", "trade": 1, "price": "3000.5", "quantity": "0.1", "side": "buy"}
    await taken(cluster, await publish(cluster, message([book, trade], now_ms())))
    async with trader(cluster) as bob:
        await bob.ask("subscribe", channel="ticker", symbol="ETH/USDT")
        ticker = await bob.until(lambda each: each["type"] == "ticker")
        refused = await bob.ask("place_order", symbol="ETH/USDT", side="buy", type="market", quantity="0.1")

    assert (ticker["data"]["price"], ticker["data"]["bid"], ticker["data"]["ask"]) == ("3000.50", "3000.00", "3001.00")
    assert refused["data"]["reason"] == "exchange_unavailable"
