"""How many connections an account may have, at the exact edges, and how a client is told."""

import pytest
from msgspec.structs import replace

from finalex.protocol.errors import ErrorCode, RequestError
from finalex.session.seats import Seats
from support.conversation import House, token


def house(per_account_max: int) -> House:
    built = House()
    built.desk = replace(built.desk, seats=Seats(per_account_max))
    return built


def test_one_too_many_is_refused_and_another_account_is_not() -> None:
    seats = Seats(2)
    seats.take("ann")
    seats.take("ann")
    with pytest.raises(RequestError) as caught:
        seats.take("ann")
    assert caught.value.code is ErrorCode.CONNECTION_LIMIT
    seats.take("bob")


def test_who_leaves_makes_room_and_nobody_is_kept() -> None:
    seats = Seats(1)
    for _ in range(3):
        seats.take("ann")
        seats.leave("ann")
    assert seats.accounts == 0


def test_zero_means_any_number() -> None:
    seats = Seats()
    for _ in range(1000):
        seats.take("ann")
    assert seats.accounts == 1


def test_a_connection_too_many_is_told_and_closed() -> None:
    rooms = house(1)
    first = rooms.connect("ann")
    second = rooms.connect("ann")
    assert first.closed is None
    assert (second.seen[0]["data"]["code"], second.closed) == ("CONNECTION_LIMIT", 1008)
    second.disconnect()
    first.disconnect()
    assert rooms.connect("ann").closed is None


def test_logging_in_on_a_connection_counts_and_a_new_token_does_not() -> None:
    rooms = house(1)
    first, second = rooms.connect(), rooms.connect()
    assert first.request("auth", token=token("ann"))[0]["type"] == "authenticated"
    assert first.request("auth", token=token("ann"))[0]["type"] == "authenticated"
    assert second.request("auth", token=token("ann"))[0]["data"]["code"] == "CONNECTION_LIMIT"
    assert second.closed is None
    first.disconnect()
    assert second.request("auth", token=token("ann"))[0]["type"] == "authenticated"


def test_a_connection_that_was_refused_leaves_no_trace() -> None:
    rooms = house(1)
    for _ in range(3):
        rooms.connect(token="no token").disconnect()
    assert rooms.desk.seats.accounts == 0
