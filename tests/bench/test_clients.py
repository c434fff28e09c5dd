"""The benchmark of clients sends streams that are right, and counts what each client received."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from subprocess import PIPE, Popen
from typing import Any

import pytest
from bench.clients import receive
from bench.clients.capture import DEPTH, SYMBOL, capture
from bench.clients.receive import measure
from bench.clients.receivers import RECEIVERS, WrongCountError
from bench.clients.report import Cost, markdown
from bench.clients.sender import write_feed
from bench.clients.stream import FEEDS, FIRST, Feed, make_feed

from finalex.client.local_book import LocalBook
from finalex.client.messages import BookSnapshot, BookUpdate, decode_message
from support.recordings import recording
from support.server import serving

MESSAGES = 500

BIDS = [["99.90", "1.00000000"], ["99.80", "2.00000000"]]
ASKS = [["100.10", "3.00000000"]]

Message = dict[str, Any]


def message(kind: str, channel: str, **data: object) -> Message:
    return {
        "id": "captured",
        "type": kind,
        "channel": channel,
        "data": {"symbol": SYMBOL, **data, "timestamp": 1},
        "timestamp": 2,
    }


def update(side: str, price: str, quantity: str, action: str) -> Message:
    data = {"depth": DEPTH, "side": side, "price": price, "quantity": quantity, "action": action, "sequence": 8}
    return message("orderbook_update", "orderbook", **data)


def candle(open_time: int, *, is_closed: bool) -> Message:
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), "1.00")
    times = {"open_time": open_time, "close_time": open_time + 59_999}
    return message("kline", "kline", interval="1m", **times, **prices, is_closed=is_closed)


def trade(number: int) -> Message:
    return message("trade", "trades", trade_id=str(number), price="100.00", quantity="1.00000000", side="buy")


TICKER = dict.fromkeys(
    (
        "price",
        "change_24h",
        "change_percent_24h",
        "volume_24h",
        "quote_volume_24h",
        "high_24h",
        "low_24h",
        "bid",
        "ask",
    ),
    "1.00",
)

CAPTURED = [
    message("orderbook_snapshot", "orderbook", depth=DEPTH, bids=BIDS, asks=ASKS, sequence=7),
    candle(0, is_closed=False),
    candle(0, is_closed=True),
    trade(5),
    update("buy", "99.90", "0.50000000", "update"),
    update("buy", "99.80", "2.00000000", "delete"),
    update("sell", "100.20", "1.00000000", "add"),
    candle(60_000, is_closed=False),
    message("ticker", "ticker", **TICKER),
    trade(6),
]
"""One turn takes the book from its snapshot to another one, and candles to the next minute."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a sender that has all feeds, and as `holed/…` such as lack a message."""
    directory = tmp_path_factory.mktemp("feeds")
    (directory / "holed").mkdir()
    for name in FEEDS:
        feed = make_feed(name, CAPTURED, MESSAGES)
        write_feed(directory, name, feed)
        write_feed(directory, f"holed/{name}", replace(feed, body=b"".join(frames(feed)[:-2] + frames(feed)[-1:])))
    with Popen([sys.executable, "-m", "bench.clients.sender", str(directory)], stdin=PIPE, stdout=PIPE) as sender:
        assert sender.stdin is not None
        assert sender.stdout is not None
        yield f"ws://127.0.0.1:{int(sender.stdout.readline())}"
        sender.stdin.close()


def frames(feed: Feed) -> list[bytes]:
    """Return the frames of a feed's body, none of which is shorter than 126 or longer than 65,535 bytes."""
    cut, rest = [], feed.body
    while rest:
        assert rest[:2] == b"\x81\x7e"
        size = 4 + int.from_bytes(rest[2:4], "big")
        cut.append(rest[:size])
        rest = rest[size:]
    return cut


def texts(feed: Feed) -> list[Message]:
    return [json.loads(frame[4:]) for frame in frames(feed)]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("receiver", RECEIVERS)
async def test_every_client_receives_and_counts_everything(address: str, receiver: str, feed: str) -> None:
    counts = make_feed(feed, CAPTURED, MESSAGES).counts
    taken = await measure(receiver, f"{address}/{feed}", feed, counts, None)

    assert taken["messages"] == MESSAGES + ("orderbook" in counts)
    assert taken["seconds"] > 0


@pytest.mark.parametrize("feed", ["trades", "book"])
@pytest.mark.parametrize("receiver", RECEIVERS)
async def test_a_client_that_does_not_get_everything_has_no_result(
    address: str, receiver: str, feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "TIMEOUT_S", 0.3)
    counts = make_feed(feed, CAPTURED, MESSAGES).counts

    with pytest.raises((TimeoutError, ExceptionGroup)):
        await measure(receiver, f"{address}/holed/{feed}", feed, counts, None)


async def test_a_count_that_is_not_right_is_no_result(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "expected", lambda _: MESSAGES + 1)

    with pytest.raises(WrongCountError, match=f"received {MESSAGES} of {MESSAGES + 1}"):
        await measure("finalex", f"{address}/trades", "trades", {"trades": MESSAGES}, None)


def test_all_channels_come_as_often_as_they_were_captured() -> None:
    feed = make_feed("all", CAPTURED, 20)

    assert feed.counts == {"ticker": 2, "trades": 4, "orderbook": 12, "kline": 2}
    assert feed.messages == 21


def test_the_ids_of_trades_grow_by_one() -> None:
    ids = [text["data"]["trade_id"] for text in texts(make_feed("trades", CAPTURED, 5))]

    assert ids == [str(FIRST + number) for number in range(5)]


def test_a_book_is_after_each_turn_what_it_was_before() -> None:
    feed = make_feed("book", CAPTURED, 12)
    book = LocalBook()
    (opening,) = feed.opening
    snapshot = decode_message(opening[4:])
    assert isinstance(snapshot, BookSnapshot)
    book.reset(snapshot.data)
    states = []
    for frame in frames(feed):
        change = decode_message(frame[4:])
        assert isinstance(change, BookUpdate)
        assert book.apply(change.data)
        states.append((book.bids.best(DEPTH), book.asks.best(DEPTH)))

    assert states[5] == states[11] == (snapshot.data.bids, snapshot.data.asks)
    assert states[2] == ([("99.90", "0.50000000")], [("100.10", "3.00000000"), ("100.20", "1.00000000")])


def test_all_candles_are_of_the_last_interval_while_it_runs() -> None:
    kinds = [text for text in texts(make_feed("all", CAPTURED, 20)) if text["channel"] == "kline"]

    assert [(text["data"]["open_time"], text["data"]["is_closed"]) for text in kinds] == [(60_000, False)] * 2


def test_a_feed_of_which_nothing_was_captured_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was captured of ticker"):
        make_feed("ticker", CAPTURED[:3], 10)


async def test_what_a_live_server_sends_is_captured_from_a_whole_book_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.clients.capture.ENOUGH", {"trade": 5, "orderbook_update": 100, "ticker": 1, "kline": 1})
    source = f"replay:{recording('l2/binance_usdm_btcusdt_20240718.gz')}"
    async with serving(source=source, speed="max", loop="true") as server:
        captured = await capture(server.port)

    books = [each for each in captured if each["channel"] == "orderbook"]
    numbers = [book["data"]["sequence"] for book in books]
    assert [each["type"] for each in captured].count("orderbook_snapshot") == 1
    assert books[0]["type"] == "orderbook_snapshot"
    assert numbers == list(range(numbers[0], numbers[0] + len(books)))
    assert make_feed("all", captured, 500).messages == 501


def test_the_table_has_medians_and_multiples_of_the_first_client() -> None:
    bare = [Cost(1000, 0.5, 0.001, 0.001), Cost(1000, 1.0, 0.002, 0.001), Cost(1000, 2.0, 0.003, 0.002)]
    ours = [Cost(1000, 1.0, 0.006, 0.003)]
    text = markdown({("trades", "picows"): bare, ("trades", "finalex"): ours})

    assert text.splitlines()[2:] == [
        "| trades | picows | 1,000 | 3.00 | 2.00 | 1.0 | 0.00 |",
        "| trades | **finalex** | 1,000 | 9.00 | 6.00 | 3.0 | 0.01 |",
    ]
