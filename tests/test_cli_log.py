"""The event log on the command line: what `verify`, `repair` and `dump` print, and how they exit."""

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from finalex.cli import run_command
from finalex.log.disk import Disk
from finalex.log.opening import open_store
from finalex.log.reading import LogReader
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import Traded
from finalex.model.orders import Side

NEW_YEAR_MS = 1_767_225_600_000


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a log of five batches, a trade each second of a year's beginning, where the commands look for it."""
    monkeypatch.setenv("FINALEX_DATA_DIR", str(tmp_path))
    store, lock = open_store(tmp_path, Disk(), 1, 0)
    for number in range(1, 6):
        trade = Traded(
            symbol="BTC/USDT",
            trade=number,
            price=10**9,
            quantity=1,
            side=Side.BUY,
            time_ms=0,
            maker=os.urandom(99).hex(),
        )
        elapsed_ms = 1000 if number > 1 else NEW_YEAR_MS
        entry = Entry(number, NEW_YEAR_MS + 1000 * (number - 1), encode_batch(elapsed_ms, (trade,)))
        store.write(pack([entry], store.last))
    store.close(clean=True)
    lock.release()
    return tmp_path


def damage(data_dir: Path, sequence: int) -> None:
    path = data_dir / "events.sqlite"
    with closing(LogReader(path, Disk(), None)) as reader:
        payload = next(record.payload for record, _ in reader.records() if record.last == sequence)
    data = path.read_bytes()
    path.write_bytes(data.replace(payload, payload[:-9] + b"!damaged!"))


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run_command(["log", *arguments])
    return code, *capsys.readouterr()


def test_verify_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", capsys=capsys) == (
        0,
        "The log is sound: 5 batches, 1 to 5, with 5 events, 2026-01-01T00:00:00Z to 2026-01-01T00:00:04Z.\n",
        "",
    )


def test_verify_says_what_is_damaged(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data_dir, 3)
    code, out, _ = run("verify", capsys=capsys)

    assert code == 1
    assert f"The log '{data_dir / 'events.sqlite'}' is damaged at batch 3: a checksum is wrong." in out
    assert "Good before that: 2 batches, 1 to 2" in out
    assert "'finalex log repair'" in out


def test_verify_says_that_a_server_is_running(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, lock = open_store(data_dir, Disk(), 1, 0)
    code, out, _ = run("verify", capsys=capsys)
    store.close(clean=True)
    lock.release()

    assert code == 0
    assert "A server is writing to it" in out


def test_verify_says_what_a_power_cut_tore(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "events.sqlite-wal").write_bytes(b"torn")
    code, out, _ = run("verify", capsys=capsys)

    assert code == 0
    assert "Its last 4 bytes were never acknowledged" in out


def test_repair_changes_nothing_without_yes(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data_dir, 3)
    before = (data_dir / "events.sqlite").read_bytes()
    code, out, _ = run("repair", capsys=capsys)

    assert code == 1
    assert "Good before that: 2 batches" in out
    assert "given up, up to batch 5 at least" in out
    assert "Nothing was changed" in out
    assert (data_dir / "events.sqlite").read_bytes() == before


def test_repair_keeps_what_is_good(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data_dir, 3)
    code, out, _ = run("repair", "--yes", capsys=capsys)

    assert code == 0
    assert "Kept: 3 batches, 1 to 1,000,005, with 2 events" in out
    assert f"The damaged files are '{data_dir / 'events.sqlite.damaged-1'}*'." in out
    assert run("verify", capsys=capsys)[0] == 0


def test_repair_ends_what_was_interrupted(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "events.sqlite").rename(data_dir / "events.sqlite.repaired")
    code, _, err = run("verify", capsys=capsys)
    assert code == 1
    assert "was interrupted: 'finalex log repair' ends it" in err

    assert run("repair", capsys=capsys)[0] == 0
    assert run("verify", capsys=capsys)[0] == 0


def test_a_sound_log_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("repair", "--yes", capsys=capsys)

    assert code == 0
    assert out.startswith("Nothing to repair: 5 batches")


def test_dump_prints_batches_for_pipes(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("dump", "--after", "3", capsys=capfd)
    lines = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert [(line["sequence"], line["time_ms"]) for line in lines] == [(4, NEW_YEAR_MS + 3000), (5, NEW_YEAR_MS + 4000)]
    (event,) = lines[0]["events"]
    assert event["event"] == "Traded"
    assert (event["symbol"], event["trade"], event["side"]) == ("BTC/USDT", 4, "buy")


def test_dump_prints_what_is_good_and_then_complains(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damage(data_dir, 3)
    code, out, err = run("dump", capsys=capfd)

    assert code == 1
    assert [json.loads(line)["sequence"] for line in out.splitlines()] == [1, 2]
    assert err.startswith("finalex: The log ")


@pytest.mark.parametrize("command", ["verify", "repair", "dump"])
def test_without_a_log_every_command_says_so(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FINALEX_DATA_DIR", str(tmp_path / "elsewhere"))

    assert run(command, capsys=capsys) == (1, "", f"finalex: There is no log in '{tmp_path / 'elsewhere'}'.\n")


def test_dump_takes_no_negative_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dump", "--after", "-1", capsys=capsys)[0] == 2
