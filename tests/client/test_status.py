"""What a market takes: told at once and on every change, over any number of connections."""

from typing import Any

import pytest

from client.doubled import SYMBOL, conversing, take, until_live
from client.player import Player
from client.waiting import until
from finalex.client import Policy, SubscribedAlreadyError
from finalex.client.feeds import State
from finalex.client.sync import connect as connect_sync
from finalex.client.testing import FakeServer
from finalex.model.commands import SetMarketState
from finalex.model.states import MarketState
from support.conversation import House
from support.resuming import SYMBOLS, market

OTHER = "ETH/USDT"


def halt(house: House, symbol: str = SYMBOL, state: MarketState = MarketState.HALTED) -> None:
    house.execute(SetMarketState(symbol=symbol, state=state, reason="news"))


def connected() -> Player:
    player = Player(market())
    player.settle()
    return player


def states(player: Player) -> list[tuple[str, str]]:
    return [(data.symbol, data.state) for data in player.told("status")]


# --- against the real session ---------------------------------------------------------------------------


def test_a_market_tells_its_status_and_every_change_of_it() -> None:
    player = connected()
    player.subscribe("status", symbol=SYMBOL)
    player.settle()
    halt(player.house)
    halt(player.house, OTHER)
    halt(player.house, state=MarketState.OPEN)
    player.settle()
    assert states(player) == [(SYMBOL, "open"), (SYMBOL, "halted"), (SYMBOL, "open")]
    assert player.told("status")[1].reason == "news"


def test_without_a_symbol_all_markets_tell_theirs() -> None:
    player = connected()
    player.subscribe("status")
    player.settle()
    halt(player.house, OTHER)
    player.settle()
    assert states(player) == [*((symbol, "open") for symbol in SYMBOLS), (OTHER, "halted")]


def test_a_change_while_the_connection_is_lost_is_told() -> None:
    player = connected()
    player.subscribe("status", symbol=SYMBOL)
    player.settle()
    player.die()
    halt(player.house)
    player.settle()
    assert states(player)[-1] == (SYMBOL, "halted")


@pytest.mark.parametrize("params", [{"symbol": SYMBOL}, {}], ids=["of one market", "of all"])
def test_a_last_change_that_never_came_is_told_after_the_next_heartbeat(params: dict[str, Any]) -> None:
    player = connected()
    player.subscribe("status", **params)
    player.settle()
    player.house.advance(5000)
    player.settle()
    player.sent.clear()
    halt(player.house)
    assert player._conversation is not None
    player._conversation.seen.clear()
    player.house.advance(5000)
    player.settle()
    assert (SYMBOL, "halted") in states(player)
    assert [request["method"] for request in player.sent] == ["subscribe"]
    assert player.feeds["status"].state is State.LIVE


def test_heartbeats_of_quiet_markets_ask_for_nothing() -> None:
    player = connected()
    player.subscribe("status")
    player.settle()
    player.sent.clear()
    for _ in range(3):
        player.house.advance(5000)
        player.settle()
    assert player.sent == []


def test_one_market_and_all_of_them_are_not_had_together() -> None:
    player = connected()
    player.subscribe("status", symbol=SYMBOL)
    player.subscribe("status", symbol=OTHER)
    with pytest.raises(SubscribedAlreadyError, match="status BTC/USDT"):
        player.subscribe("status")
    other = connected()
    other.subscribe("status")
    with pytest.raises(SubscribedAlreadyError, match="to status already"):
        other.subscribe("status", symbol=SYMBOL)


# --- against the double ---------------------------------------------------------------------------------


async def test_the_double_tells_what_a_test_sets() -> None:
    server = FakeServer()
    server.status(SYMBOL, "cancel_only")
    async with conversing(server) as client:
        statuses = client.status(SYMBOL)
        assert (await anext(statuses)).state == "cancel_only"
        server.status(OTHER, "halted")
        server.status(SYMBOL, "open", book="withdrawn", reason="no source")
        status = await anext(statuses)
        assert (status.symbol, status.state, status.book, status.reason) == (SYMBOL, "open", "withdrawn", "no source")


async def test_latest_only_keeps_the_newest_of_each_market() -> None:
    server = FakeServer()
    async with conversing(server) as client:
        statuses = client.status(policy=Policy.LATEST_ONLY)
        await until_live(statuses)
        for symbol, state in ((SYMBOL, "halted"), (OTHER, "halted"), (OTHER, "open"), (SYMBOL, "post_only")):
            server.status(symbol, state)
        await until(lambda: statuses.waiting + statuses.dropped == 4)
        assert [(each.symbol, each.state) for each in await take(statuses, 2)] == [
            (OTHER, "open"),
            (SYMBOL, "post_only"),
        ]
        assert statuses.dropped == 2


def test_the_client_without_async_tells_it_too() -> None:
    server = FakeServer()
    server.status(SYMBOL, "halted", reason="news")
    with connect_sync("ws://test", opener=server.open) as client:
        assert client.status().next(timeout_s=20).reason == "news"
