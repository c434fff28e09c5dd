import json
from pathlib import Path

import pytest

from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources import recordings
from finalex.sources.formats import FORMATS
from finalex.sources.recordings import Fault, RecordingError, open_recordings, read_lines
from finalex.sources.tracks import Opened, play
from support import binance
from support.streams import RECEIVED_MS, START_MS, connected, snapshot, started, ticker, trade, update

FINALEX = FORMATS[1]
ALL = ("BTC/USDT", "ETH/USDT")


def write(path: Path, *lines: bytes) -> Path:
    return binance.write(path, lines)


def opened(argument: object) -> list[recordings.Recording]:
    return open_recordings(str(argument), DEFAULT_INSTRUMENTS)


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_recording_of_this_platform_is_told_from_its_lines(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, started("BTC/USDT"), connected(), snapshot(3, at_ms=7), trade(1, at_ms=9))
    receive_ns = (START_MS + 7 + RECEIVED_MS) * 1_000_000
    (recording,) = opened(path)
    assert recording.format is FINALEX
    assert recording.symbols == ("BTC/USDT",)
    assert (recording.start_ms, recording.receive_ns) == (START_MS + 7, receive_ns)


def test_both_kinds_of_recordings_play_beside_each_other(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours", connected(), trade(1))
    theirs = write(tmp_path / "theirs", binance.trade(1, symbol="ETHUSDT"))
    assert [(r.format.name, r.symbols) for r in opened(f"{ours},{theirs}")] == [
        ("Finalex", ("BTC/USDT",)),
        ("Binance", ("ETH/USDT",)),
    ]


def test_a_recording_may_be_of_several_markets(tmp_path: Path) -> None:
    path = write(tmp_path / "a", connected(), trade(1, symbol="ETH/USDT"), ticker(symbol="SOL/USDT"), snapshot(3))
    (recording,) = opened(path)
    assert recording.markets == {"ETH/USDT": "ETH/USDT", "BTC/USDT": "BTC/USDT"}


def test_what_the_recorder_said_counts_also_for_markets_that_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "FIRST_LINES_MAX", 3)
    late = [trade(1), trade(2), trade(1, symbol="ETH/USDT")]
    assert opened(write(tmp_path / "a", started(*ALL), *late))[0].symbols == ALL
    assert opened(write(tmp_path / "b", connected(), *late))[0].symbols == ("BTC/USDT",)


def test_of_several_markets_one_may_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a", started(*ALL), trade(1), trade(1, symbol="ETH/USDT"))
    (recording,) = opened(f"{path}=ETH/USDT")
    assert recording.markets == {"ETH/USDT": "ETH/USDT"}
    assert recording.others == {"BTC/USDT"}


def test_a_single_market_may_be_played_as_another(tmp_path: Path) -> None:
    path = write(tmp_path / "a", connected(), trade(1, symbol="DOGE/USDT"))
    assert opened(f"{path}=SOL/USDT")[0].markets == {"DOGE/USDT": "SOL/USDT"}


@pytest.mark.parametrize(
    ("symbols", "chosen", "sentence"),
    [
        (("BTC/USDT", "DOGE/USDT"), "", "its market DOGE/USDT is no instrument of this server; name one: "),
        (ALL, "=SOL/USDT", "'SOL/USDT' is none of its markets: BTC/USDT, ETH/USDT"),
        (ALL, "=DOGE/USDT", "'DOGE/USDT' is no instrument of this server"),
    ],
)
def test_a_market_that_is_no_instrument_is_refused(
    tmp_path: Path, symbols: tuple[str, ...], chosen: str, sentence: str
) -> None:
    path = write(tmp_path / "a", started(*symbols), *(trade(1, symbol=symbol) for symbol in symbols))
    with pytest.raises(RecordingError, match=f"^{path}: {sentence}"):
        opened(f"{path}{chosen}")


def test_a_recording_without_trades_and_books_cannot_be_played(tmp_path: Path) -> None:
    path = write(tmp_path / "a", started(), connected(), ticker())
    with pytest.raises(RecordingError, match=f"^{path}: not a recording of a market"):
        opened(path)


def test_a_market_in_which_nothing_happens_for_long_can_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "FIRST_LINES_MAX", 5)
    tickers = [ticker(at_ms, symbol="ETH/USDT") for at_ms in range(10)]
    (recording,) = opened(write(tmp_path / "a", started("BTC/USDT"), connected(), *tickers, trade(1, at_ms=60_000)))
    assert (recording.symbols, recording.start_ms) == (("BTC/USDT",), START_MS)


def test_the_servers_clock_may_be_any(tmp_path: Path) -> None:
    message = json.loads(trade(1).partition(b" ")[2])
    message["data"]["timestamp"] = 1_500_000_000_000
    path = write(tmp_path / "a", f"{START_MS}000000 {json.dumps(message)}\n".encode())
    assert opened(path)[0].start_ms == 1_500_000_000_000


def test_a_torn_line_may_hide_an_update_of_the_book_unless_it_began_as_something_else(tmp_path: Path) -> None:
    torn = [update(4)[:-20] + b"\n", b"\n", trade(2)[:-20] + b"\n", ticker()[:-9] + b"\n"]
    path = write(tmp_path / "a", trade(1), *torn)
    faults = [line.content for line in read_lines(path, FINALEX) if isinstance(line.content, Fault)]
    assert [fault.book for fault in faults] == [True, True, False, False]


def files(tmp_path: Path, *contents: tuple[str, int]) -> str:
    """Write one file of two minutes for each, of the markets that its letters name, starting at so many minutes."""
    symbols = {"b": "BTC/USDT", "e": "ETH/USDT", "s": "SOL/USDT"}
    paths = []
    for number, (letters, minute) in enumerate(contents):
        times = (60_000 * minute, 60_000 * (minute + 2))
        lines = [trade(n, symbol=symbols[letter], at_ms=at) for n, at in enumerate(times, 1) for letter in letters]
        paths.append(write(tmp_path / str(number), started(*(symbols[letter] for letter in letters)), *lines))
    return ",".join(map(str, paths))


@pytest.mark.parametrize(
    ("contents", "order"),
    [
        ([("be", 0), ("be", 2)], [("0", False), ("1", True)]),
        ([("b", 0), ("e", 0), ("be", 300)], [("0", False), ("1", False), ("2", False)]),
        ([("be", 5), ("s", 0)], [("1", False), ("0", False)]),
    ],
    ids=["one after the other", "all before what shares with them", "side by side"],
)
def test_files_that_share_a_market_play_one_after_the_other(
    tmp_path: Path, contents: list[tuple[str, int]], order: list[tuple[str, bool]]
) -> None:
    cues = list(play(opened(files(tmp_path, *contents))))
    assert [(c.recording.path.name, c.content.continues) for c in cues if isinstance(c.content, Opened)] == order
    assert [cue.clock_ms for cue in cues] == sorted(cue.clock_ms for cue in cues)
