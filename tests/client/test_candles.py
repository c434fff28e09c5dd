"""Candles: each that closes is told, whether or not there was a connection then."""

import pytest

from client.player import Player
from finalex.client.errors import Gap
from support.resuming import market, trade


def closed_minutes(player: Player) -> list[int]:
    first_ms = player.told("kline")[0].open_time
    return [(item.open_time - first_ms) // 60_000 for item in player.told("kline") if item.is_closed]


@pytest.mark.parametrize("late", [False, True])
def test_all_candles_that_closed_meanwhile_are_told(late: bool) -> None:
    """`late`: the connection is made, and then more time passes before anything comes over it."""
    player = Player(market(), None)
    player.settle()
    trade(player.house)
    player.subscribe("kline", symbol="BTC/USDT", interval="1m")
    player.settle()
    player.die()
    player.sent.clear()
    if late:
        player.connect()
    player.house.advance(600_000)
    player.settle()
    assert closed_minutes(player) == list(range(10))
    assert [request["method"] for request in player.sent] == ["subscribe"] * (1 + late)


def test_candles_that_are_too_many_to_be_told_again_are_a_gap() -> None:
    player = Player(market(), None)
    player.settle()
    trade(player.house)
    player.subscribe("kline", symbol="BTC/USDT", interval="1m")
    player.settle()
    player.die()
    for _ in range(1_100):
        player.house.advance(60_000)
    player.settle()
    assert [item for item in player.told("kline") if isinstance(item, Gap)] != []
