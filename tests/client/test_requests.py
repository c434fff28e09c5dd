"""Requests: an outcome that is known, whatever happens to the connection."""

import json

import pytest

from client.player import TIMEOUT_MS, Player
from finalex.client.errors import OrderRejectedError, OutcomeUnknownError, RequestFailedError
from finalex.client.requests import PENDING_MAX, RATE_PAUSE_MS, TooManyRequestsError
from support.resuming import market

ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "90", "client_order_id": "a"}


def connected() -> Player:
    player = Player(market())
    player.settle()
    return player


def test_an_order_whose_reply_was_lost_gets_the_outcome_of_the_first() -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player.send()
    player.die()
    player.settle()
    assert player.answers[number].client_order_id == "a"
    assert len(player.house.engine.state.open_orders("alice")) == 1


def test_a_cancel_whose_reply_was_lost_says_that_nothing_is_open() -> None:
    player = connected()
    player.request("place_order", **ORDER)
    player.settle()
    number = player.request("cancel_order", client_order_id="a")
    player.send()
    player.die()
    player.settle()
    assert player.answers[number].order_ids == []
    again = player.request("cancel_order", client_order_id="a")
    player.settle()
    assert isinstance(player.refusals[again], RequestFailedError)


def test_a_rejected_order_says_why() -> None:
    player = connected()
    number = player.request("place_order", **ORDER | {"quantity": "1000000"})
    player.settle()
    error = player.refusals[number]
    assert isinstance(error, OrderRejectedError)
    assert error.reason


def test_an_order_without_an_outcome_in_time_says_so() -> None:
    player = Player(market())
    number = player.request("place_order", **ORDER)
    player._carry_out(player.core.tick(player.house.now_ms + TIMEOUT_MS))
    error = player.refusals[number]
    assert isinstance(error, OutcomeUnknownError)
    assert error.client_order_id == "a"


def test_an_answer_that_decides_nothing_is_asked_again() -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    hear_error = {"id": f"request-{number}", "type": "error", "timestamp": 0}
    data = {"code": "INTERNAL_ERROR", "message": "", "details": ""}
    player._carry_out(player.core.received(json.dumps(hear_error | {"data": data}).encode(), player.house.now_ms))
    player.house.now_ms += 1000
    player.tick()
    player.settle()
    assert player.answers[number].client_order_id == "a"
    assert len(player.house.engine.state.open_orders("alice")) == 1


def test_what_the_server_dropped_because_it_came_too_fast_is_asked_again() -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player._outgoing.clear()
    data = {"code": "RATE_LIMIT_EXCEEDED", "message": "", "details": ""}
    error = {"id": "server-9", "type": "error", "timestamp": 0, "data": data}
    player._carry_out(player.core.received(json.dumps(error).encode(), player.house.now_ms))
    player.house.now_ms += RATE_PAUSE_MS
    player.tick()
    player.settle()
    assert player.answers[number].client_order_id == "a"


def test_requests_that_wait_are_bounded() -> None:
    player = Player(market())
    for _ in range(PENDING_MAX):
        player.request("place_order", **ORDER)
    with pytest.raises(TooManyRequestsError):
        player.request("place_order", **ORDER)
