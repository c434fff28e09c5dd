from finalex.recorder.continuity import Continuity, Gap
from finalex.recorder.received import decode_received
from support.streams import snapshot, ticker, trade, update


class Reader:
    """Shows lines to a `Continuity`."""

    def __init__(self) -> None:
        self.continuity = Continuity()

    def read(self, *lines: bytes) -> list[str]:
        """Return what is missing before each line, nothing where nothing is."""
        gaps = [self.continuity.take(decode_received(line.partition(b" ")[2])) for line in lines]
        return [gap.details if gap else "" for gap in gaps]


def test_a_stream_without_a_gap_is_whole() -> None:
    lines = [snapshot(4), update(5), trade(9), update(6), trade(10), ticker(), snapshot(7), update(8)]
    assert Reader().read(*lines) == [""] * 8


def test_a_missing_update_is_told_once_until_the_next_snapshot() -> None:
    lines = [snapshot(4), update(6), update(7), update(9), snapshot(9), update(10), update(10)]
    assert Reader().read(*lines) == ["", "update 6 follows 4", "", "", "", "", "update 10 follows 10"]


def test_an_update_before_any_snapshot_is_a_gap() -> None:
    assert Reader().read(update(5), update(6)) == ["update 5 comes before any snapshot", ""]


def test_missing_trades_are_counted() -> None:
    assert Reader().read(trade(3), trade(4), trade(8), trade(9)) == ["", "", "3 missing before trade 8", ""]


def test_a_gap_names_its_channel_and_symbol() -> None:
    continuity = Continuity()
    for line in (trade(3, symbol="ETH/USDT"), trade(3)):
        continuity.take(decode_received(line.partition(b" ")[2]))
    late = decode_received(trade(5, symbol="ETH/USDT").partition(b" ")[2])
    assert continuity.take(late) == Gap("trades", "ETH/USDT", "1 missing before trade 5")


def test_symbols_do_not_disturb_each_other() -> None:
    lines = [snapshot(4), snapshot(90, symbol="ETH/USDT"), update(5), update(91, symbol="ETH/USDT")]
    assert Reader().read(*lines) == [""] * 4


def test_on_a_new_connection_books_begin_anew_and_trades_go_on() -> None:
    reader = Reader()
    reader.read(snapshot(4), trade(3))
    reader.continuity.reconnect()
    lines = [update(5), snapshot(70), update(71), trade(6)]
    assert reader.read(*lines) == ["update 5 comes before any snapshot", "", "", "2 missing before trade 6"]


def test_a_server_that_starts_anew_counts_its_trades_from_the_beginning() -> None:
    assert Reader().read(trade(700), trade(1), trade(2)) == [""] * 3


def test_ids_that_are_no_numbers_cannot_be_watched() -> None:
    lines = [trade(1).replace(b'"1"', text) for text in (b'"a"', b'"c"', b'"' + b"9" * 5000 + b'"')]
    assert Reader().read(*lines) == [""] * 3
