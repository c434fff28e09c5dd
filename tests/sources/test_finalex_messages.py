import json
from typing import Any

import pytest

from finalex.sources.finalex import NO_BOOK, decode
from finalex.sources.messages import (
    Contents,
    DepthUpdate,
    Hole,
    Message,
    Other,
    Snapshot,
    Stale,
    TimeOnly,
    Trade,
    market_of,
    market_time_ms,
)
from support.spec import code_blocks
from support.streams import START_MS, disconnected, kline, snapshot, started, ticker, trade, update


def message(line: bytes) -> Message:
    return decode(line.partition(b" ")[2])


def test_a_trade_has_its_number_and_the_takers_side() -> None:
    sold = message(trade(7, "101.50", "0.25", side="sell", at_ms=3))
    assert sold == Trade("BTC/USDT", START_MS + 3, START_MS + 3, 7, "101.50", "0.25", buyer_is_maker=True)
    assert message(trade(7)) == Trade("BTC/USDT", START_MS, START_MS, 7, "100.00", "1.00000000", buyer_is_maker=False)


def test_a_snapshot_has_the_sequence_that_updates_follow() -> None:
    assert message(snapshot(40, bids=[("99", "1")], at_ms=5)) == Snapshot(
        40, [("99", "1")], [], START_MS + 5, symbol="BTC/USDT"
    )


def test_an_update_is_one_level_that_follows_the_sequence_before() -> None:
    bid, ask = message(update(41, "buy", "99", "2")), message(update(42, "sell", "101", "3", action="add"))
    assert bid == DepthUpdate("BTC/USDT", START_MS, 41, 41, [("99", "2")], [])
    assert ask == DepthUpdate("BTC/USDT", START_MS, 42, 42, [], [("101", "3")])
    assert isinstance(bid, DepthUpdate)
    assert isinstance(ask, DepthUpdate)
    assert bid.follows(40)
    assert ask.follows(bid.last_id)


def test_a_deleted_level_has_nothing_left_whatever_its_quantity_says() -> None:
    deleted = message(update(41, "buy", "99", "2", action="delete"))
    assert isinstance(deleted, DepthUpdate)
    assert deleted.bids == [("99", "0")]


def test_a_stale_book_is_no_snapshot() -> None:
    assert message(snapshot(41, stale=True)) == Stale("BTC/USDT", START_MS)


def test_a_book_in_which_nothing_has_happened_may_have_no_time() -> None:
    assert message(snapshot(0, at_ms=-START_MS)) == Snapshot(0, [], [], None, symbol="BTC/USDT")
    assert message(snapshot(0, at_ms=-START_MS, stale=True)) == Stale("BTC/USDT", None)


def test_tickers_and_closed_candles_tell_the_time_and_open_ones_nothing() -> None:
    assert message(ticker(at_ms=9)) == TimeOnly(START_MS + 9)
    assert message(kline(2, closed=True)) == TimeOnly(START_MS + 180_000)
    assert message(kline(2, closed=False)) == Other("kline")


def test_a_new_connection_and_a_lost_one_are_holes() -> None:
    status: dict[str, Any] = {"type": "connection_status", "data": {"status": "connected", "server_time": 1}}
    assert decode(json.dumps(status).encode()) == Hole("the recorder connected")
    status["data"]["status"] = "closing"
    assert decode(json.dumps(status).encode()) == Other("connection_status")
    assert message(disconnected(5)) == Hole("the recorder lost its connection: lost")


def test_the_first_mark_tells_which_books_and_trades_are_recorded() -> None:
    assert message(started("ETH/USDT", "BTC/USDT")) == Contents(("ETH/USDT", "BTC/USDT"))
    mark = {"status": "started", "subscriptions": [{"channel": "ticker", "symbol": "BTC/USDT"}, {"channel": "account"}]}
    assert decode(json.dumps({"type": "recording", "data": mark}).encode()) == Contents(())


@pytest.mark.parametrize("kind", ["subscribed", "error", "order_update", "pong", "something_new"])
def test_what_is_not_of_a_market_is_not_used(kind: str) -> None:
    assert decode(json.dumps({"type": kind, "data": {"symbol": "BTC/USDT"}}).encode()) == Other(kind)
    assert decode(json.dumps({"type": kind}).encode()) == Other(kind)


def test_the_examples_of_the_specification_are_understood() -> None:
    examples = [example for example in map(json.loads, code_blocks("json")) if "type" in example]
    kinds = {type(decode(json.dumps(example).encode())) for example in examples}
    assert kinds == {Trade, Snapshot, DepthUpdate, TimeOnly, Hole, Other}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"stream":"btcusdt@trade","data":{}}',
        b'{"lastUpdateId":5,"bids":[],"asks":[]}',
        b'{"type":"trade"}',
        b'{"type":"trade","data":[]}',
        b'{"type":"ticker","data":{"timestamp":0}}',
        b'{"type":"recording","data":{}}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_no_message(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


@pytest.mark.parametrize("number", ["", "-1", "1.5", "x", "²", "9" * 19, "9" * 5000])
def test_a_trade_whose_id_is_no_number_is_no_trade(number: str) -> None:
    text = trade(1).replace(b'"trade_id":"1"', f'"trade_id":"{number}"'.encode())
    with pytest.raises(ValueError, match="trade id"):
        message(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"side":"buy"', b'"side":"both"'),
        (b'"action":"update"', b'"action":"replace"'),
        (b'"sequence":5', b'"sequence":-5'),
        (b'"price":"99.00"', b'"price":99.0'),
        (b'"timestamp":1', b'"timestamp":-1'),
    ],
)
def test_a_field_that_cannot_be_makes_the_message_unreadable(old: bytes, new: bytes) -> None:
    assert old in update(5)
    with pytest.raises(ValueError, match=r".+"):
        message(update(5).replace(old, new))


def test_messages_know_their_market_and_time() -> None:
    assert [market_of(message(text)) for text in (trade(1), update(1), snapshot(1), ticker())] == [
        "BTC/USDT",
        "BTC/USDT",
        "BTC/USDT",
        None,
    ]
    assert market_of(message(snapshot(1, stale=True))) == "BTC/USDT"
    assert market_time_ms(message(snapshot(1, stale=True, at_ms=8))) == START_MS + 8
    assert market_time_ms(message(disconnected(1))) is None


def test_a_torn_message_that_began_as_another_hides_no_update_of_a_book() -> None:
    assert NO_BOOK.match(trade(1).partition(b" ")[2])
    assert NO_BOOK.match(ticker().partition(b" ")[2])
    assert not NO_BOOK.match(update(1).partition(b" ")[2])
    assert not NO_BOOK.match(snapshot(1).partition(b" ")[2])
