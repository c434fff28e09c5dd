"""Messages that cannot be read: asked for again once, and then an error that says so; never silence, never for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from client.doubled import SYMBOL, conversing, take, until_live
from client.player import Player
from client.waiting import until
from finalex.client import UnreadableMessageError
from finalex.client.addresses import find_address
from finalex.client.core import UNREADABLE_MAX, Phase
from finalex.client.feeds import State
from finalex.client.subscriptions import UNREADABLE_PAUSE_MS
from finalex.client.testing import FakeServer
from finalex.model.orders import Side
from support.resuming import market, place, trade

Change = Callable[[dict[str, Any]], object]


def connected() -> Player:
    player = Player(market())
    trade(player.house)
    player.settle()
    return player


def following(channel: str, **params: Any) -> Player:
    player = connected()
    player.subscribe(channel, **params)
    player.settle()
    player.sent.clear()
    return player


def spoil(player: Player, kind: str, change: Change) -> None:
    """Spoil the messages of a kind that are on their way."""
    assert player._conversation is not None
    spoiled = [message for message in player._conversation.seen if message["type"] == kind]
    assert spoiled
    for message in spoiled:
        change(message["data"])


def hear(player: Player, text: bytes) -> None:
    player._carry_out(player.core.received(text, player.house.now_ms))


def a_number(data: dict[str, Any]) -> None:
    data["price"] = 1


def no_number(data: dict[str, Any]) -> None:
    data["trade_id"] = "many"


@pytest.mark.parametrize("change", [a_number, no_number])
def test_a_trade_that_cannot_be_read_is_asked_for_again_on_the_same_connection(change: Change) -> None:
    player = following("trades", past=1, symbol=SYMBOL)
    trade(player.house, 2)
    spoil(player, "trade", change)
    player.settle()
    assert [item.trade_id for item in player.told("trades")] == ["1", "2", "3"]
    assert [request["method"] for request in player.sent] == ["subscribe"]
    assert player.delays_ms == []


def test_a_stream_of_which_the_same_message_cannot_be_read_again_ends_with_an_error() -> None:
    player = following("trades", past=1, symbol=SYMBOL)
    player.subscribe("ticker", symbol=SYMBOL)
    player.settle()
    trade(player.house)
    spoil(player, "trade", a_number)
    player.read()
    player.send()
    spoil(player, "trade", a_number)
    player.read()
    error = player.ends[player.feeds["trades"].key]
    assert isinstance(error, UnreadableMessageError)
    assert "trades BTC/USDT" in str(error)
    assert "price" in str(error)
    assert player.sent[-1]["method"] == "unsubscribe"
    assert player.feeds["ticker"].state is State.LIVE
    player.subscribe("trades", past=1, symbol=SYMBOL)  # and may be asked for again


def test_a_message_that_cannot_be_read_much_later_is_another_one() -> None:
    player = following("trades", past=1, symbol=SYMBOL)
    for _ in range(3):
        trade(player.house)
        spoil(player, "trade", a_number)
        player.settle()
        player.house.now_ms += UNREADABLE_PAUSE_MS
    assert [item.trade_id for item in player.told("trades")] == ["1", "2", "3", "4"]
    assert player.ends == {}


def test_a_book_with_an_update_that_cannot_be_read_gets_a_snapshot() -> None:
    player = following("orderbook", symbol=SYMBOL, depth=20)
    before = player.levels()[0]
    place(player.house, "alice", Side.BUY, SYMBOL, 1, 90)
    spoil(player, "orderbook_update", a_number)
    player.settle()
    assert player.levels()[0] == before + 1
    assert player.levels()[1] == [("90.00", "1.00000000")]
    assert [request["method"] for request in player.sent] == ["subscribe"]


def test_what_nobody_is_subscribed_to_any_more_need_not_be_read() -> None:
    player = connected()
    hear(player, b'{"id":"x","type":"ticker","channel":"ticker","timestamp":0,"data":{"symbol":"BTC/USDT"}}')
    assert player.core.phase is Phase.READY


def test_garbage_on_one_connection_after_the_other_ends_the_client() -> None:
    player = connected()
    player.subscribe("ticker", symbol=SYMBOL)
    for _ in range(UNREADABLE_MAX):
        player.settle()
        assert player.stopped is None
        hear(player, b"not json")
    assert isinstance(player.stopped, UnreadableMessageError)
    assert player.ends == {player.feeds["ticker"].key: player.stopped}


def test_garbage_now_and_then_does_not() -> None:
    player = connected()
    for _ in range(2 * UNREADABLE_MAX):
        hear(player, b"not json")
        player.settle()
        player.house.now_ms += UNREADABLE_PAUSE_MS
    assert player.stopped is None


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b'{"channel":1}', b'{"data":{"symbol":[]}}', b"[" * 100_000])
def test_what_says_nothing_of_itself_belongs_nowhere(text: bytes) -> None:
    assert find_address(text) is None


async def test_whoever_reads_a_stream_is_told_that_it_cannot_be_read() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        trades = client.trades(SYMBOL)
        await until_live(trades)
        server.trade(SYMBOL, "100.00", "1")
        server.trade(SYMBOL, 100, "1")  # type: ignore[arg-type] # and it is the same when it is told again
        (read,) = await take(trades, 1)
        assert read.trade_id == "1"
        with pytest.raises(UnreadableMessageError, match="trades BTC/USDT"):
            await anext(trades)


async def test_a_client_that_hears_nothing_but_garbage_ends_with_an_error() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        ticker = client.ticker(SYMBOL)
        for connections in range(1, UNREADABLE_MAX + 1):
            await until(lambda: server.connections == connections and ticker.state is State.LIVE)  # noqa: B023
            server.say(b"<html>")
        with pytest.raises(UnreadableMessageError):
            await anext(ticker)
