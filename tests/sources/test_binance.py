import pytest

from finalex.sources.binance import decode
from finalex.sources.messages import BookTicker, DepthUpdate, Other, Snapshot, Trade, market_time_ms

SPOT_UPDATE = b"""{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT",
"U":50093239189,"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}"""
FUTURES_UPDATE = b"""{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1721347022557,"T":1721347022553,
"s":"BTCUSDT","U":4984028370826,"u":4984028373334,"pu":4984028370730,"b":[["1000.00","569.567"]],"a":[]}}"""
SPOT_TRADE = b"""{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,
"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"""
FUTURES_TRADE = b"""{"stream":"btcusdt@trade","data":{"e":"trade","E":1721347022956,"T":1721347022955,"s":"BTCUSDT",
"t":5182005737,"p":"63943.90","q":"0.003","X":"INSURANCE_FUND","m":false}}"""
SPOT_TICKER = b"""{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000",
"B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"""
FUTURES_TICKER = b"""{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":4984028370881,"s":"BTCUSDT",
"b":"63943.90","B":"46.371","a":"63944.00","A":"0.095","T":1721347022507,"E":1721347022508}}"""


def test_a_depth_update_of_spot_has_ids_and_levels() -> None:
    assert decode(SPOT_UPDATE) == DepthUpdate(
        symbol="BTCUSDT",
        event_ms=1723161255208,
        first_id=50093239189,
        last_id=50093239202,
        bids=[("61737.63000000", "0.00000000")],
        asks=[("61837.64000000", "1.54698000")],
    )


def test_a_depth_update_of_futures_names_the_one_before_and_its_own_time() -> None:
    update = decode(FUTURES_UPDATE)
    assert isinstance(update, DepthUpdate)
    assert (update.previous_id, update.traded_ms, update.time_ms) == (4984028370730, 1721347022553, 1721347022553)


def test_a_trade_of_spot_is_a_market_trade() -> None:
    assert decode(SPOT_TRADE) == Trade(
        symbol="BTCUSDT",
        event_ms=1723161255343,
        traded_ms=1723161255342,
        id=3735683259,
        price="61837.63000000",
        quantity="0.02000000",
        buyer_is_maker=True,
        kind="MARKET",
    )


def test_a_trade_of_futures_says_its_kind() -> None:
    trade = decode(FUTURES_TRADE)
    assert isinstance(trade, Trade)
    assert (trade.kind, trade.buyer_is_maker) == ("INSURANCE_FUND", False)


@pytest.mark.parametrize("text", [SPOT_TICKER, FUTURES_TICKER])
def test_a_book_ticker_is_the_best_of_both_sides_after_an_update(text: bytes) -> None:
    ticker = decode(text)
    assert isinstance(ticker, BookTicker)
    assert ticker.update_id in (50093239212, 4984028370881)
    assert float(ticker.bid) < float(ticker.ask)


def test_a_snapshot_is_a_whole_book_without_a_symbol() -> None:
    text = b'{"lastUpdateId":7,"bids":[["2.0","1.0"]],"asks":[["3.0","1.0"]]}'
    assert decode(text) == Snapshot(last_id=7, bids=[("2.0", "1.0")], asks=[("3.0", "1.0")])


def test_a_message_of_another_stream_is_known_as_such() -> None:
    assert decode(b'{"stream":"btcusdt@depth20@100ms","data":{"bids":[]}}') == Other("btcusdt@depth20@100ms")


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        (SPOT_TRADE, 1723161255343),
        (FUTURES_TICKER, 1721347022508),
        (SPOT_TICKER, None),
        (FUTURES_UPDATE, 1721347022557),
    ],
)
def test_the_time_of_a_message_is_the_latest_it_carries(text: bytes, time_ms: int | None) -> None:
    assert market_time_ms(decode(text)) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"17",
        b"{}",
        b'{"stream":"btcusdt@trade"}',
        b'{"stream":17,"data":{}}',
        b'{"lastUpdateId":7,"bids":[]}',
        b'{"lastUpdateId":-7,"bids":[],"asks":[]}',
        SPOT_TRADE[:-1],
        SPOT_TRADE + b"}",
        SPOT_TRADE.replace(b"3735683259", b'"3735683259"'),
        SPOT_TRADE.replace(b"3735683259", b"37.5"),
        SPOT_TRADE.replace(b"3735683259", b"9" * 40),
        SPOT_TRADE.replace(b"1723161255342", b"0"),
        SPOT_TRADE.replace(b"true", b"1"),
        SPOT_TRADE.replace(b'"61837.63000000"', b"61837.63"),
        SPOT_TRADE.replace(b"BTC", b"\xff\xfe"),
        SPOT_UPDATE.replace(b'"U":50093239189', b'"U":50093239203'),
        SPOT_UPDATE.replace(b'["61737.63000000","0.00000000"]', b'["61737.63000000"]'),
        b'{"stream":"btcusdt@trade","data":' + b"[" * 100_000,
    ],
)
def test_anything_else_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


def spot(first: int, last: int) -> DepthUpdate:
    return DepthUpdate(symbol="BTCUSDT", event_ms=1, first_id=first, last_id=last, bids=[], asks=[])


def futures(first: int, last: int, previous: int) -> DepthUpdate:
    return DepthUpdate(
        symbol="BTCUSDT", event_ms=1, first_id=first, last_id=last, bids=[], asks=[], previous_id=previous
    )


@pytest.mark.parametrize(
    ("update", "within", "spans"),
    [
        (spot(90, 99), True, False),
        (spot(90, 100), True, False),
        (spot(90, 101), False, True),
        (spot(101, 101), False, True),
        (spot(102, 110), False, False),
        (futures(90, 99, 80), True, False),
        (futures(90, 100, 80), False, True),
        (futures(100, 110, 90), False, True),
        (futures(101, 110, 99), False, False),
        (futures(101, 110, 100), False, True),
    ],
)
def test_a_snapshot_at_100_contains_an_update_or_is_spanned_by_it(
    update: DepthUpdate, within: bool, spans: bool
) -> None:
    assert (update.within(100), update.spans(100)) == (within, spans)


@pytest.mark.parametrize(
    ("update", "follows"),
    [
        (spot(101, 105), True),
        (spot(100, 105), False),
        (spot(102, 105), False),
        (futures(150, 160, 100), True),
        (futures(101, 160, 99), False),
    ],
)
def test_an_update_follows_100_by_its_first_id_in_spot_and_by_its_previous_id_in_futures(
    update: DepthUpdate, follows: bool
) -> None:
    assert update.follows(100) is follows
