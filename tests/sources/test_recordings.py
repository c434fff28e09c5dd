import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources import recordings
from finalex.sources.formats import FORMATS
from finalex.sources.messages import Snapshot, Trade
from finalex.sources.recordings import Fault, Line, Recording, RecordingError, open_recordings
from support.binance import RECORDER_LAG_MS, START_MS, frame, line, snapshot, trade, update, write

BINANCE = FORMATS[0]


def read_lines(path: Path) -> Iterator[Line]:
    return recordings.read_lines(path, BINANCE)


def contents(path: Path) -> list[str]:
    return [type(content).__name__ for _, _, content in read_lines(path)]


def faults(path: Path) -> list[tuple[int, str, bool]]:
    return [(n, content.reason, content.book) for n, _, content in read_lines(path) if isinstance(content, Fault)]


@pytest.mark.parametrize("name", ["recording.gz", "recording.txt"])
def test_lines_come_numbered_with_their_receive_time_from_gzip_and_plain_files(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [trade(1, at_ms=0), snapshot(7, at_ms=5)])
    first, second = read_lines(path)
    assert (first.number, first.receive_ns) == (1, (START_MS - RECORDER_LAG_MS) * 1_000_000)
    assert isinstance(first.content, Trade)
    assert (second.number, second.receive_ns) == (2, (START_MS - RECORDER_LAG_MS + 5) * 1_000_000)
    assert isinstance(second.content, Snapshot)


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = write(tmp_path / "recording", [trade(1), trade(2).rstrip(b"\n")])
    assert contents(path) == ["Trade", "Trade"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"garbage\n",
        b"1700000038700000000\n",
        b"1700000038700000000 \n",
        b"1700000038700000000 {}\n",
        b"x" + update(1, 2),
        b"9" * 30 + b" {}\n",
        update(1, 2)[:-20] + b"\n",
        b"\x00\xff\xfe\n",
        b"\xb2" + update(1, 2),
    ],
)
def test_a_garbage_line_is_a_fault_that_may_hide_an_update_of_the_book(tmp_path: Path, garbage: bytes) -> None:
    path = write(tmp_path / "recording", [trade(1), garbage, trade(2)])
    assert contents(path) == ["Trade", "Fault", "Trade"]
    assert [(number, book) for number, _, book in faults(path)] == [(2, True)]


@pytest.mark.parametrize(
    "torn",
    [trade(2)[:-20] + b"\n", frame("bookTicker", {"s": "BTCUSDT", "u": "one"}, 0), trade(2).replace(b":2,", b":-2,")],
)
def test_a_torn_line_that_began_as_another_message_hides_no_update_of_the_book(tmp_path: Path, torn: bytes) -> None:
    path = write(tmp_path / "recording", [trade(1), torn])
    assert [(number, book) for number, _, book in faults(path)] == [(2, False)]


def test_a_fault_has_the_receive_time_of_the_line_before(tmp_path: Path) -> None:
    path = write(tmp_path / "recording", [trade(1, at_ms=40), b"garbage\n"])
    first, second = read_lines(path)
    assert second.receive_ns == first.receive_ns


@pytest.mark.parametrize("skew_ms", [-61_000, 61_000])
def test_a_time_far_from_the_receive_time_is_a_fault(tmp_path: Path, skew_ms: int) -> None:
    data = {"e": "trade", "E": START_MS, "T": START_MS, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1", "m": True}
    path = write(tmp_path / "recording", [frame("trade", data, skew_ms + RECORDER_LAG_MS)])
    assert faults(path) == [(1, f"time {START_MS} is far from the receive time", False)]


@pytest.mark.parametrize("extra", [1, 2, 3, 4, 5, 1000, 2001])
def test_a_line_that_is_too_long_is_one_fault_whatever_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    monkeypatch.setattr(recordings, "LINE_BYTES_MAX", 1000)
    path = write(tmp_path / "recording", [trade(1), b"x" * (999 + extra) + b"\n", trade(2)])
    first, *_, last = read_lines(path)
    assert faults(path) == [(2, "longer than 1000 bytes", True)]
    assert (first.number, last.number) == (1, 3)
    assert isinstance(last.content, Trade)
    assert set(contents(path)) <= {"Trade", "Fault", "Other"}


def test_a_line_of_the_greatest_length_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LINE_BYTES_MAX", len(trade(1)))
    assert contents(write(tmp_path / "recording", [trade(1), trade(2)])) == ["Trade", "Trade"]


def test_a_gzip_file_that_was_cut_gives_its_lines_and_a_fault(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(trade(number, price=str(number * 7919)) for number in range(1, 2001)))
    for size in (len(whole) // 2, len(whole) - 4, len(whole) - 9):
        path = tmp_path / "cut.gz"
        path.write_bytes(whole[:size])
        *read, last = read_lines(path)
        assert [line.content.id for line in read if isinstance(line.content, Trade)] == list(range(1, len(read) + 1))
        assert isinstance(last.content, Fault)
        assert last.number == len(read) + 1
        assert "ends early" in last.content.reason
        assert last.content.book


def test_a_gzip_file_with_a_wrong_byte_ends_with_a_fault(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"".join(trade(number, price=str(number * 7919)) for number in range(1, 2001))))
    whole[len(whole) // 2] ^= 0xFF
    path = tmp_path / "wrong.gz"
    path.write_bytes(whole)
    *_, last = read_lines(path)
    assert isinstance(last.content, Fault)


def test_a_file_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    assert contents(tmp_path / "gone") == ["Fault"]


def test_a_recording_is_mapped_by_the_base_and_quote_of_an_instrument(tmp_path: Path) -> None:
    lines = [
        b"garbage\n",
        snapshot(7),
        frame("bookTicker", {"s": "ETHBTC", "u": 1, "b": "1", "B": "1", "a": "2", "A": "1"}, 1),
        line({"stream": "!miniTicker", "data": {}}, 2),
        trade(1, symbol="ETHBTC", at_ms=3),
    ]
    path = write(tmp_path / "recording.gz", lines)
    receive_ns = (START_MS + 3 - RECORDER_LAG_MS) * 1_000_000
    expected = Recording(path, BINANCE, {"ETHBTC": "ETH/BTC"}, frozenset(), START_MS + 3, receive_ns)
    assert open_recordings(str(path), DEFAULT_INSTRUMENTS) == [expected]


def test_several_files_keep_their_order_and_may_name_their_symbol(tmp_path: Path) -> None:
    bitcoin = write(tmp_path / "a=b.gz", [trade(1)])
    unknown = write(tmp_path / "c", [trade(1, symbol="DOGEUSDT")])
    opened = open_recordings(f"{unknown}=SOL/USDT, {bitcoin},{bitcoin}=ETH/USDT", DEFAULT_INSTRUMENTS)
    assert [(r.path, r.markets) for r in opened] == [
        (unknown, {"DOGEUSDT": "SOL/USDT"}),
        (bitcoin, {"BTCUSDT": "BTC/USDT"}),
        (bitcoin, {"BTCUSDT": "ETH/USDT"}),
    ]


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(tmp_path / "recording", [trade(1)])
    assert open_recordings("~/recording", DEFAULT_INSTRUMENTS)[0].path == path


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("", "a recording's name is empty"),
        ("{folder}/good,", "a recording's name is empty"),
        ("{folder}/gone.gz", "{folder}/gone.gz: no such file"),
        ("{folder}", "{folder}: no such file"),
        ("{folder}/good=DOGE/USDT", "{folder}/good: 'DOGE/USDT' is no instrument of this server"),
        ("{folder}/gone=BTC/USDT", "{folder}/gone: no such file"),
        (
            "{folder}/dog",
            "{folder}/dog: its market DOGEUSDT is no instrument of this server; name one: {folder}/dog=SY",
        ),
        ("{folder}/empty", "{folder}/empty: not a recording of a market"),
        ("{folder}/text", "{folder}/text: not a recording of a market (line 1: no receive time)"),
        ("{folder}/cut.gz", "{folder}/cut.gz: not a recording of a market (line 1: the file ends early"),
    ],
)
def test_what_cannot_be_played_is_refused_with_a_sentence_that_names_the_file(
    tmp_path: Path, argument: str, sentence: str
) -> None:
    write(tmp_path / "good", [trade(1)])
    write(tmp_path / "dog", [trade(1, symbol="DOGEUSDT")])
    write(tmp_path / "empty", [])
    write(tmp_path / "text", [b"some text\n"] * 2000)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(trade(1))[:15])
    with pytest.raises(RecordingError) as caught:
        open_recordings(argument.format(folder=tmp_path), DEFAULT_INSTRUMENTS)
    assert str(caught.value).startswith(sentence.format(folder=tmp_path))


def test_a_file_is_looked_into_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "recording", [*[snapshot(7)] * 5, trade(1)])
    monkeypatch.setattr(recordings, "FIRST_LINES_MAX", 6)
    assert open_recordings(str(path), DEFAULT_INSTRUMENTS)[0].markets == {"BTCUSDT": "BTC/USDT"}
    monkeypatch.setattr(recordings, "FIRST_LINES_MAX", 5)
    with pytest.raises(RecordingError, match="the first 5 lines name none"):
        open_recordings(str(path), DEFAULT_INSTRUMENTS)
