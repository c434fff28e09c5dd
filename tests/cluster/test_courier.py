"""The courier between a gateway and engines, over a real NATS server."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from secrets import token_hex

from nats.aio.client import Client
from nats.aio.msg import Msg

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cluster.courier import Courier
from finalex.cluster.wire import (
    COMMANDS_PER_MESSAGE_MAX,
    CommandBatch,
    OpenAccount,
    OutcomeBatch,
    SentCommand,
    SentOutcome,
    decode_commands,
    encode_outcomes,
)
from finalex.exchange.outcomes import Done
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

WAIT_S = 20.0


class Post:
    """A courier, and an engine at the other end that only listens."""

    def __init__(self, client: Client, names: Names) -> None:
        self.client = client
        self.arrived: asyncio.Queue[tuple[str, CommandBatch]] = asyncio.Queue()
        self.delivered: asyncio.Queue[OutcomeBatch] = asyncio.Queue()
        self.given_back: list[int] = []
        self.courier = Courier(client, names, "g1", self.delivered.put_nowait, self._give_back)

    async def next(self) -> tuple[str, CommandBatch]:
        """Return for which engine the next message is, and what is in it."""
        async with asyncio.timeout(WAIT_S):
            return await self.arrived.get()

    async def answer(self, subject: str, data: bytes) -> None:
        """Send an answer."""
        await self.client.publish(subject, data)

    async def take(self, message: Msg) -> None:
        """Take commands, as an engine does."""
        self.arrived.put_nowait((message.subject.rpartition(".")[2], decode_commands(message.data)))

    def _give_back(self, numbers: Iterable[int]) -> None:
        self.given_back += numbers


@asynccontextmanager
async def posted(servers: NatsServers) -> AsyncIterator[Post]:
    names = Names(f"t{token_hex(4)}")
    client = await connect(servers.address, "test")
    try:
        post = Post(client, names)
        await client.subscribe(names.commands("*"), cb=post.take)
        await post.courier.start()
        yield post
        await post.courier.stop()
    finally:
        await client.close()


def command(number: int) -> SentCommand:
    return SentCommand(number, 1, OpenAccount(user=f"user {number}"))


async def test_what_is_sent_in_one_turn_goes_as_one_message_in_order(one_nats: NatsServers) -> None:
    async with posted(one_nats) as post:
        for number in range(10):
            post.courier.send("engine", command(number))
        writer, batch = await post.next()

        assert writer == "engine"
        assert batch.gateway == "g1"
        assert batch.items == [command(number) for number in range(10)]


async def test_each_engine_gets_its_own_and_no_message_is_too_large(one_nats: NatsServers) -> None:
    async with posted(one_nats) as post:
        post.courier.send("old", command(0))
        for number in range(1, COMMANDS_PER_MESSAGE_MAX + 2):
            post.courier.send("new", command(number))
        received = [await post.next() for _ in range(3)]

        assert [(writer, len(batch.items)) for writer, batch in received] == [
            ("old", 1),
            ("new", COMMANDS_PER_MESSAGE_MAX),
            ("new", 1),
        ]


async def test_answers_are_delivered_and_what_is_none_is_passed_over(one_nats: NatsServers) -> None:
    answer = OutcomeBatch(sequence=3, items=[SentOutcome(1, Done())])
    async with posted(one_nats) as post:
        post.courier.send("engine", command(1))
        _, batch = await post.next()
        await post.answer(batch.reply_to, b"nonsense")
        await post.answer(batch.reply_to, encode_outcomes(answer))
        async with asyncio.timeout(WAIT_S):
            assert await post.delivered.get() == answer


async def test_two_processes_of_one_name_take_answers_at_different_places(one_nats: NatsServers) -> None:
    async with posted(one_nats) as post:
        again = Courier(post.client, post.courier.names, "g1", post.delivered.put_nowait, post.given_back.extend)
        await again.start()
        post.courier.send("engine", command(1))
        again.send("engine", command(1))
        places = {(await post.next())[1].reply_to for _ in range(2)}
        await again.stop()

        assert len(places) == 2


async def test_what_waits_when_it_stops_is_still_sent(one_nats: NatsServers) -> None:
    async with posted(one_nats) as post:
        post.courier.send("engine", command(1))
        await post.courier.stop()

        assert (await post.next())[1].items == [command(1)]


async def test_what_cannot_be_sent_is_given_back(one_nats: NatsServers) -> None:
    async with posted(one_nats) as post:
        await post.client.close()
        post.courier.send("engine", command(7))
        await post.courier.stop()

        assert post.given_back == [7]
