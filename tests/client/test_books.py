"""Order books: what is missing is noticed, and healed on the same connection."""

from client.player import Player
from finalex.model.orders import Side
from support.resuming import market, place


def connected() -> Player:
    player = Player(market())
    player.settle()
    return player


def state(player: Player) -> str:
    return player.feeds["orderbook"].state.value


def test_a_book_that_misses_an_update_heals_on_the_same_connection() -> None:
    player = connected()
    player.subscribe("orderbook", symbol="BTC/USDT", depth=5)
    player.settle()
    place(player.house, "bob", Side.BUY, "BTC/USDT", 1, 90)
    assert player._conversation is not None
    player._conversation.seen.clear()  # lost
    place(player.house, "bob", Side.BUY, "BTC/USDT", 1, 91)
    player.read()
    assert state(player) == "resuming"
    place(player.house, "bob", Side.BUY, "BTC/USDT", 1, 92)
    player.settle()
    _, bids, _ = player.levels()
    assert [price for price, _ in bids] == ["92.00", "91.00", "90.00"]
    assert state(player) == "live"
    assert player.delays_ms == []


def test_a_client_that_lags_has_stale_books_until_they_come_again() -> None:
    player = connected()
    player.subscribe("orderbook", symbol="BTC/USDT", depth=5)
    player.settle()
    assert player._conversation is not None
    player._conversation.fall_behind()
    place(player.house, "bob", Side.BUY, "BTC/USDT", 1, 90)
    player.settle()
    assert state(player) == "stale"
    player._conversation.catch_up()
    player.settle()
    assert state(player) == "live"
    assert player.levels()[1] == [("90.00", player.levels()[1][0][1])]
