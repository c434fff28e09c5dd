"""Messages that somebody begins and does not finish."""

from typing import Any

from finalex.session.limits import Limits
from support.served import serve
from support.sockets import PING, PONG, TEXT

QUICK: dict[str, Any] = {"message_timeout_ms": 100, "sweep_interval_ms": 20, "ping_interval_ms": 60_000}
CONTINUATION = 0


async def test_a_message_in_fragments_must_be_finished_in_time() -> None:
    async with serve(**QUICK) as served, await served.connect() as client:
        await client.message()
        client.send_frame(TEXT, b'{"method":', final=False)
        frame = await client.frame()
        while frame.opcode == PING:
            frame = await client.frame()
        assert (frame.close_code, frame.payload[2:]) == (1008, b"a message must be finished in time")


async def test_pings_in_between_do_not_keep_it() -> None:
    async with serve(**QUICK) as served, await served.connect() as client:
        await client.message()
        client.send_frame(TEXT, b'{"method":', final=False)
        client.send_frame(PING, b"")
        client.send_frame(CONTINUATION, b'"ping"', final=False)
        frame = await client.frame()
        while frame.opcode == PING:
            frame = await client.frame()
        assert frame.opcode == PONG
        assert await client.close_code() == 1008


async def test_one_message_after_the_other_may_take_as_long_as_it_likes() -> None:
    limits = Limits(messages_per_minute_max=1_000_000)
    async with (
        serve(limits=limits, **QUICK) as served,
        await served.connect() as slow,
        await served.connect() as client,
    ):
        await client.message()
        slow.send_frame(TEXT, b"{", final=False)
        answers = 0
        while not served.metrics.closes:
            client.send_frame(TEXT, b'{"id": 1, "method":', final=False)
            client.send_frame(CONTINUATION, b'"list_subscriptions"}')
            assert (await client.message())["type"] == "subscriptions"
            answers += 1
        assert await slow.close_code() == 1008
        assert answers > 1
        assert served.gateway.connections >= 1
