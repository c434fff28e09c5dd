"""Messages of an external engine: what is read, and what is said about one that cannot be."""

import msgspec
import pytest

from exchange.venue import bitcoin, ether
from finalex.model.events import BookReset, Credited, LevelsChanged, OrderAccepted, PaperFilled, PaperRested, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.sources.external_events import (
    EVENTS_MAX,
    MESSAGE_BYTES_MAX,
    MSGPACK,
    WIRE_NAMES,
    BadMessageError,
    read_message,
)
from log.test_contract import EVENTS
from support.external import message, written

INSTRUMENTS = Instruments([bitcoin(), ether()])

TRADED = {
    "event": "traded",
    "symbol": "BTC/USDT",
    "trade": 7,
    "price": "100.50",
    "quantity": "0.5",
    "side": "buy",
}
CREDITED = {"event": "credited", "user": "ann", "currency": "USDT", "amount": "12.5", "reference": "r1"}


def reason(data: bytes, content_type: str = "") -> str:
    with pytest.raises(BadMessageError) as caught:
        read_message(data, content_type, INSTRUMENTS)
    return str(caught.value)


def test_decimal_text_becomes_the_units_of_the_log() -> None:
    happened = read_message(message([TRADED, CREDITED], 5_000), "", INSTRUMENTS)

    assert happened.time_ms == 5_000
    assert happened.events == [
        Traded(symbol="BTC/USDT", trade=7, price=10050, quantity=5000, side=Side.BUY, time_ms=5_000),
        Credited(user="ann", currency="USDT", amount=1_250_000_000, reference="r1", time_ms=5_000),
    ]


def test_msgpack_of_the_same_shape_is_read_as_well() -> None:
    data = msgspec.msgpack.encode(msgspec.json.decode(message([TRADED], 5_000)))

    assert read_message(data, MSGPACK, INSTRUMENTS) == read_message(message([TRADED], 5_000), "", INSTRUMENTS)
    assert "malformed" in reason(message([TRADED], 5_000), MSGPACK) or "Expected" in reason(message([], 5), MSGPACK)


def test_a_time_that_is_over_is_raised() -> None:
    happened = read_message(message([TRADED], 5_000), "", INSTRUMENTS, not_before_ms=6_000)

    assert (happened.time_ms, happened.events[0].time_ms) == (6_000, 6_000)


def test_every_kind_of_event_can_be_written_and_read() -> None:
    instruments = INSTRUMENTS
    for event in EVENTS:
        told = written(event, instruments)
        (read,) = read_message(message([told], event.time_ms), "", instruments).events
        assert read == msgspec.structs.replace(event, **_unsaid(event))
    assert {type(event) for event in EVENTS} == set(WIRE_NAMES)


def _unsaid(event: object) -> dict[str, int]:
    """Return what a message does not say of an event."""
    return {"ahead": 0} if isinstance(event, PaperRested) else {"level": 0} if isinstance(event, PaperFilled) else {}


def test_levels_are_pairs_of_decimal_text() -> None:
    reset = {"event": "book_reset", "symbol": "ETH/USDT", "bids": [["9", "3"]], "asks": []}
    change = {"event": "levels_changed", "symbol": "ETH/USDT", "changes": [["sell", "11", "0"]]}

    assert read_message(message([reset, change], 1), "", INSTRUMENTS).events == [
        BookReset(symbol="ETH/USDT", bids=[(9, 3)], asks=[], time_ms=1),
        LevelsChanged(symbol="ETH/USDT", changes=[(Side.SELL, 11, 0)], time_ms=1),
    ]


def test_an_order_is_read_with_all_that_it_has() -> None:
    accepted = OrderAccepted(
        order=3,
        user="ann",
        symbol="BTC/USDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        post_only=True,
        price=10050,
        quantity=5000,
        locked=50_000_000,
        client_order_id="c1",
        time_ms=9,
    )

    assert read_message(message([written(accepted, INSTRUMENTS)], 9), "", INSTRUMENTS).events == [accepted]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"symbol": "BTC/USD"}, "events[0] (traded): symbol 'BTC/USD' is not traded here; did you mean BTC/USDT?"),
        ({"price": "100.505"}, "events[0] (traded): price has more than 2 decimals"),
        ({"price": "-1"}, "events[0] (traded): price must be a plain decimal number such as '1.25'"),
        ({"quantity": "1e3"}, "events[0] (traded): quantity must be a plain decimal number such as '1.25'"),
        ({"price": "9" * 30}, "events[0] (traded): price is too large"),
        ({"price": 100.5}, "Expected `str`, got `float` (at events[0].price)"),
        ({"side": "bid"}, "Invalid enum value 'bid' (at events[0].side)"),
        ({"trade": -1}, "Expected `int` >= 0 (at events[0].trade)"),
        ({"trade": 2**62}, "Expected `int` <= 4611686018427387903 (at events[0].trade)"),
        ({"event": "sold"}, "Invalid value 'sold' (at events[0].event)"),
        ({"colour": "red"}, "Object contains unknown field `colour` (at events[0])"),
        ({"time_ms": 5}, "Object contains unknown field `time_ms` (at events[0])"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], expected: str) -> None:
    assert reason(message([TRADED | change], 5_000)) == expected


def test_a_message_that_is_none_is_refused_with_a_reason() -> None:
    assert reason(b"hello").startswith("JSON is malformed")
    assert reason(b"\xff\xfe") != ""
    assert reason(b"[" * 100_000) != ""
    assert reason(b"{}") == "Object missing required field `version`"
    assert reason(b'{"version": 2}') == "version 2 is not known here; this release reads version 1"
    assert reason(message([], 5)) == "Expected `array` of length >= 1 (at events)"
    assert "time_ms" in reason(message([TRADED], 0))
    assert "neither" in reason(message([TRADED], 5), "text/csv")


def test_a_message_has_a_largest_size() -> None:
    assert f"length <= {EVENTS_MAX}" in reason(message([CREDITED] * (EVENTS_MAX + 1), 5))
    assert reason(b" " * (MESSAGE_BYTES_MAX + 1)).endswith(f"more than {MESSAGE_BYTES_MAX}")
