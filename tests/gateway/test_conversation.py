"""A session's turns: each in a turn of the event loop of its own, and only when little waits for the client."""

import asyncio
from types import SimpleNamespace
from typing import cast

from finalex.gateway.conversation import Conversation
from finalex.gateway.outbox import Outbox
from finalex.gateway.switchboard import Switchboard
from finalex.metrics import Metrics
from finalex.session.effects import Effect, Proceed
from finalex.session.session import Session
from support.served import serve

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


class Endless:
    """A session that always has more, and what became of it."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def receive(self, text: str, now_ms: int) -> list[Effect]:
        self.steps.append(text)
        return [Proceed()]

    def proceed(self, now_ms: int) -> list[Effect]:
        self.steps.append("proceed")
        return [Proceed()]

    def catch_up(self, now_ms: int) -> list[Effect]:
        self.steps.append("catch up")
        return []

    def fall_behind(self, now_ms: int) -> list[Effect]:
        self.steps.append("fall behind")
        return []


class TestTurns:
    def setup_method(self) -> None:
        self.session, self.outbox = Endless(), SimpleNamespace(open=True, has_room=True)
        switchboard = SimpleNamespace(metrics=Metrics(), now_ms=lambda: 0, fanout=None)
        self.conversation = Conversation(
            cast("Session", self.session), cast("Outbox", self.outbox), cast("Switchboard", switchboard)
        )

    async def test_each_has_a_turn_of_the_loop(self) -> None:
        self.conversation.receive("ask")
        assert self.session.steps == ["ask"]
        for turns in (1, 2, 3):
            await asyncio.sleep(0)
            assert self.session.steps[1:] == ["proceed"] * turns

    async def test_without_room_none_comes(self) -> None:
        self.outbox.has_room = False
        self.conversation.receive("ask")
        for _ in range(3):
            await asyncio.sleep(0)
        assert self.session.steps == ["ask"]

    async def test_room_that_is_gone_before_it_comes_is_waited_for(self) -> None:
        self.conversation.receive("ask")
        self.outbox.has_room = False
        await asyncio.sleep(0)
        assert self.session.steps == ["ask"]
        self.outbox.has_room = True
        self.conversation.resume()
        await asyncio.sleep(0)
        assert self.session.steps == ["ask", "proceed"]

    async def test_they_go_on_when_a_client_that_was_behind_has_caught_up(self) -> None:
        self.outbox.has_room = False
        self.conversation.receive("ask")
        self.conversation.fall_behind()
        self.outbox.has_room = True
        self.conversation.catch_up()
        await asyncio.sleep(0)
        assert self.session.steps == ["ask", "fall behind", "catch up", "proceed"]

    async def test_there_is_never_more_than_one_to_come(self) -> None:
        self.outbox.has_room = False
        self.conversation.receive("ask")
        self.outbox.has_room = True
        for _ in range(3):
            self.conversation.resume()
        self.outbox.has_room = False
        await asyncio.sleep(0)
        assert self.session.steps == ["ask"]
        self.outbox.has_room = True
        self.conversation.resume()
        self.outbox.has_room = False
        self.conversation.resume()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert self.session.steps == ["ask"]

    async def test_without_one_asked_for_room_means_nothing(self) -> None:
        self.conversation.resume()
        await asyncio.sleep(0)
        assert self.session.steps == []


async def test_others_are_served_between_the_parts_of_a_large_opening() -> None:
    async with serve() as served:
        for symbol in SYMBOLS:
            served.trade(symbol, count=1000)
        async with await served.connect() as large, await served.connect() as other:
            for client in (large, other):
                await client.message()
            items = [{"channel": "trades", "symbol": symbol, "snapshot": 1000} for symbol in SYMBOLS]
            large.request("subscribe", subscriptions=items)
            other.request("ping")
            assert (await other.message())["type"] == "pong"
            assert (await large.message())["type"] == "subscribed"
            past = [await large.message() for _ in range(3000)]
            assert [message["data"]["symbol"] for message in past[::1000]] == list(SYMBOLS)
            served.trade(SYMBOLS[0])
            assert (await large.message())["data"]["trade_id"] == "3001"


async def test_a_client_that_reads_slowly_is_not_sent_the_next_part_yet() -> None:
    async with serve(queue_bytes_max=1 << 16) as served:
        for symbol in SYMBOLS:
            served.trade(symbol, count=1000)
        async with await served.connect(receive_bytes=4096) as client:
            await client.message()
            for _ in range(20):
                items = [{"channel": "trades", "symbol": symbol, "snapshot": 1000} for symbol in SYMBOLS]
                client.request("subscribe", subscriptions=items)
                client.request("unsubscribe", subscriptions=items)
            client.request("ping")
            while (await client.message())["type"] != "pong":
                pass
        assert "4000" not in served.metrics.closes
