"""Connections that nobody uses."""

from typing import Any

from finalex.session.limits import Limits
from support.conversation import token
from support.served import Served, serve
from support.sockets import PING, PONG, TEXT, Frame, RawWebSocket

QUICK: dict[str, Any] = {"anonymous_idle_timeout_ms": 100, "sweep_interval_ms": 20, "ping_interval_ms": 60_000}


async def outlives_an_idle_one(served: Served, client: RawWebSocket) -> bool:
    """Let somebody idle until that ends; whether `client`, which came before, is still answered."""
    async with await served.connect() as idle:
        assert await idle.close_code() == 1008
    client.request("list_subscriptions", id="still")
    message = await client.message()
    while message["id"] != "still":
        message = await client.message()
    return True


async def next_but_pings(client: RawWebSocket) -> Frame:
    """Return the next frame that is no ping."""
    while (frame := await client.frame()).opcode == PING:
        pass
    return frame


async def test_an_anonymous_connection_that_asks_for_nothing_expires() -> None:
    async with serve(**QUICK) as served, await served.connect() as client:
        assert (await client.message())["type"] == "connection_status"
        frame = await next_but_pings(client)
        assert frame.close_code == 1008
        assert frame.payload[2:] == b"idle: log in, or subscribe to something"


async def test_pings_do_not_keep_it() -> None:
    async with serve(**QUICK) as served, await served.connect() as client:
        await client.message()
        client.send_frame(PING, b"")
        assert (await next_but_pings(client)).opcode == PONG
        assert await client.close_code() == 1008


async def test_requests_do() -> None:
    limits = Limits(messages_per_minute_max=1_000_000)
    async with serve(limits=limits, **QUICK) as served, await served.connect() as client:
        async with await served.connect() as idle:
            answers = 0
            while not served.metrics.closes:
                client.request("ping")
                while (await client.message())["type"] != "pong":
                    pass
                answers += 1
            assert await idle.close_code() == 1008
        assert answers > 1
        assert served.gateway.connections >= 1


async def test_who_is_subscribed_or_logged_in_may_be_silent() -> None:
    async with serve(**QUICK) as served:
        async with await served.subscriber() as client:
            assert await outlives_an_idle_one(served, client)
        async with await served.connect(f"/?token={token('alice')}") as client:
            assert await outlives_an_idle_one(served, client)


async def test_who_unsubscribes_has_the_whole_time_again() -> None:
    async with serve(**QUICK) as served, await served.subscriber() as client:
        client.send_frame(TEXT, b'{"method": "unsubscribe", "params": {"channel": "trades", "symbol": "BTC/USDT"}}')
        assert (await client.message())["type"] == "unsubscribed"
        assert await client.close_code() == 1008
