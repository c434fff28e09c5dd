import pytest

from finalex.protocol.streams import Stream
from finalex.recorder.subscriptions import choose_streams, parse_stream


def params(symbols: list[str], *texts: str) -> list[dict[str, str | int]]:
    return [stream.params() for stream in choose_streams(symbols, texts)]


def test_of_a_symbol_everything_public_is_recorded_trades_first() -> None:
    assert params(["BTC/USDT"]) == [
        {"channel": "trades", "symbol": "BTC/USDT"},
        {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 1000},
        {"channel": "ticker", "symbol": "BTC/USDT"},
        {"channel": "kline", "symbol": "BTC/USDT", "interval": "1m"},
    ]


def test_symbols_and_subscriptions_add_up_and_each_counts_once() -> None:
    chosen = choose_streams(["BTC/USDT", "ETH/USDT", "BTC/USDT"], ["account", "account", "trades:BTC/USDT"])
    assert len(chosen) == 9
    assert chosen[-1] == Stream("account")


def test_an_order_book_that_is_named_takes_the_place_of_the_one_by_default() -> None:
    books = [item for item in params(["BTC/USDT"], "orderbook:BTC/USDT:20") if item["channel"] == "orderbook"]
    assert books == [{"channel": "orderbook", "symbol": "BTC/USDT", "depth": 20}]


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("trades:BTC/USDT", Stream("trades", "BTC/USDT")),
        ("orderbook:BTC/USDT", Stream("orderbook", "BTC/USDT")),
        ("orderbook:BTC/USDT:5", Stream("orderbook", "BTC/USDT", depth=5)),
        ("kline:ETH/BTC", Stream("kline", "ETH/BTC")),
        ("kline:ETH/BTC:1M", Stream("kline", "ETH/BTC", interval="1M")),
        ("account", Stream("account")),
        ("orders:BTC/USDT", Stream("orders", "BTC/USDT")),
        ("something_new", Stream("something_new")),
    ],
)
def test_a_subscription_is_written_with_colons(text: str, stream: Stream) -> None:
    assert parse_stream(text) == stream


@pytest.mark.parametrize(
    "text",
    ["", ":", "trades:", ":BTC/USDT", "trades:BTC/USDT:5", "kline:BTC/USDT:1m:", "kline::1m", "orderbook:BTC/USDT:5:5"]
    + [f"orderbook:BTC/USDT:{depth}" for depth in ("all", "0", "-5", "²", "9" * 5000)],
)
def test_a_subscription_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Subscription '.*must"):
        parse_stream(text)


@pytest.mark.parametrize(
    ("symbols", "texts", "sentence"),
    [
        ([], [], "There is nothing to record"),
        ([""], [], "A symbol is empty"),
        ([f"A{n}/B" for n in range(38)], [], "There are 152 subscriptions, at most 150 are possible"),
    ],
)
def test_nothing_and_too_much_are_refused(symbols: list[str], texts: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        choose_streams(symbols, texts)
