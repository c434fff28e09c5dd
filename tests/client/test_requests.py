"""Requests: an outcome that is known, whatever happens to the connection."""

import json

import pytest

from client.player import TIMEOUT_MS, Player
from finalex.client.errors import (
    CancelRejectedError,
    OrderRejectedError,
    OutcomeUnknownError,
    RequestFailedError,
    UnreadableMessageError,
)
from finalex.client.requests import AGAIN_MS, PENDING_MAX, RATE_PAUSE_MS, TooManyRequestsError
from finalex.model.commands import SetMarketState
from finalex.model.states import MarketState
from support.resuming import market

ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1", "price": "90", "client_order_id": "a"}


def connected() -> Player:
    player = Player(market())
    player.settle()
    return player


def refuse(player: Player, number: int, reason: str) -> None:
    """Let the server refuse a request for `reason`."""
    say(player, number, "error", code="ORDER_REJECTED", message="", details="", reason=reason)


def say(player: Player, number: int, type_: str, **data: object) -> None:
    message = {"id": f"request-{number}", "type": type_, "timestamp": 0, "data": data}
    player._carry_out(player.core.received(json.dumps(message).encode(), player.house.now_ms))


def halt(player: Player, state: MarketState) -> None:
    player.house.execute(SetMarketState(symbol="BTC/USDT", state=state, reason="news"))


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


@pytest.mark.parametrize("reason", ["order_rate", "exchange_unavailable"])
def test_an_order_that_is_refused_for_now_was_not_placed(reason: str) -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player._outgoing.clear()
    refuse(player, number, reason)
    error = player.refusals[number]
    assert isinstance(error, OrderRejectedError)
    assert error.reason == reason


@pytest.mark.parametrize("reason", ["order_rate", "exchange_unavailable"])
def test_an_order_that_is_refused_for_now_after_its_reply_was_lost_is_asked_for_until_it_is_known(reason: str) -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player.send()  # and it is placed
    player.die()
    player.connect()
    player.read()
    player._outgoing.clear()
    refuse(player, number, reason)
    assert player.refusals == {}
    player.house.now_ms += AGAIN_MS
    player.tick()
    player.settle()
    assert player.answers[number].client_order_id == "a"
    assert len(player.house.engine.state.open_orders("alice")) == 1


def test_a_cancel_in_a_halted_market_is_refused_and_the_order_stays() -> None:
    player = connected()
    player.request("place_order", **ORDER)
    player.settle()
    halt(player, MarketState.HALTED)
    number = player.request("cancel_order", client_order_id="a")
    player.settle()
    error = player.refusals[number]
    assert isinstance(error, CancelRejectedError)
    assert error.reason == "market_halted"
    halt(player, MarketState.OPEN)
    again = player.request("cancel_order", client_order_id="a")
    player.settle()
    assert len(player.answers[again].order_ids) == 1


def test_a_cancel_that_a_halt_overtakes_on_a_lost_connection_was_done() -> None:
    player = connected()
    player.request("place_order", **ORDER)
    player.settle()
    number = player.request("cancel_order", client_order_id="a")
    player.send()
    player.die()
    halt(player, MarketState.HALTED)
    player.settle()
    assert player.answers[number].order_ids == []
    assert list(player.house.engine.state.open_orders("alice")) == []


@pytest.mark.parametrize("method", ["cancel_order", "cancel_all_orders"])
def test_a_cancel_that_cannot_be_made_durable_is_refused_at_once(method: str) -> None:
    player = connected()
    number = player.request(method)
    player._outgoing.clear()
    refuse(player, number, "exchange_unavailable")
    error = player.refusals[number]
    assert isinstance(error, CancelRejectedError)
    assert error.reason == "exchange_unavailable"


def test_a_reply_that_cannot_be_read_is_asked_for_again_and_then_an_error() -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player._outgoing.clear()
    say(player, number, "order_accepted", order_id=7)
    player.house.now_ms += AGAIN_MS
    player.tick()
    assert [json.loads(text)["id"] for text in player._outgoing] == [f"request-{number}"]
    say(player, number, "order_accepted", order_id=7)
    assert isinstance(player.refusals[number], UnreadableMessageError)
    assert player.delays_ms == []


def test_a_reply_that_cannot_be_read_once_does_no_harm() -> None:
    player = connected()
    number = player.request("place_order", **ORDER)
    player.send()
    assert player._conversation is not None
    player._conversation.seen.clear()
    say(player, number, "order_accepted", order_id=7)
    player.house.now_ms += AGAIN_MS
    player.tick()
    player.settle()
    assert player.answers[number].client_order_id == "a"
    assert len(player.house.engine.state.open_orders("alice")) == 1


def test_a_reply_to_what_must_not_be_asked_again_that_cannot_be_read_is_an_error() -> None:
    player = connected()
    number = player.request("cancel_all_orders")
    say(player, number, "orders_canceled", order_ids="all")
    assert isinstance(player.refusals[number], UnreadableMessageError)


def test_requests_that_wait_are_bounded() -> None:
    player = Player(market())
    for _ in range(PENDING_MAX):
        player.request("place_order", **ORDER)
    with pytest.raises(TooManyRequestsError):
        player.request("place_order", **ORDER)
