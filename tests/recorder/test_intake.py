import json
from pathlib import Path

import pytest

from finalex.recorder import intake as module
from finalex.recorder.file import RecordingFile
from finalex.recorder.intake import Intake
from support.streams import snapshot, trade, update


def text(line: bytes) -> bytes:
    return line.partition(b" ")[2].rstrip()


class Desk:
    """An intake, its file, and what it told; its clock advances by one with every look."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.path = folder / "recording"
        self.file = RecordingFile(self.path)
        self._now_ns = 1_700_000_000_000_000_000
        self.intake = Intake(self.file, self.told.append, self._look)

    def lines(self) -> list[bytes]:
        self.intake.flush()
        return self.path.read_bytes().splitlines()

    def _look(self) -> int:
        self._now_ns += 1
        return self._now_ns


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_every_message_is_written_as_it_came(desk: Desk) -> None:
    messages = [text(trade(1)), b'{"type":"new","data":{"symbol":5}}', b"no JSON", b'{"type":"error","data":{}}']
    for message in messages:
        desk.intake.take(message)
    assert [line.partition(b" ")[2] for line in desk.lines()] == messages
    assert desk.lines()[0].startswith(b"1700000000000000001 ")
    assert (desk.intake.counts.messages, desk.intake.counts.bytes) == (4, sum(map(len, messages)))


def test_what_the_recorder_says_is_a_message_among_the_others(desk: Desk) -> None:
    desk.intake.mark("started", url="ws://localhost")
    (line,) = desk.lines()
    assert json.loads(line.partition(b" ")[2]) == {
        "type": "recording",
        "data": {"status": "started", "url": "ws://localhost"},
        "timestamp": 1_700_000_000_000,
    }
    assert desk.intake.counts.messages == 0


def test_a_gap_is_counted_told_and_returned(desk: Desk) -> None:
    desk.intake.take(text(snapshot(4)))
    taken = desk.intake.take(text(update(6)))
    assert taken is not None
    assert taken[1] is not None
    assert desk.intake.counts.gaps == 1
    assert desk.told == ["Something is missing: orderbook BTC/USDT: update 6 follows 4."]


def test_a_message_that_is_not_understood_is_told(desk: Desk) -> None:
    assert desk.intake.take(b"[]") is None
    assert desk.intake.take(b"[" * 100_000) is None
    assert [told.startswith("A message is not understood") for told in desk.told] == [True, True]


def test_what_the_server_says_about_the_connection_is_noted_until_the_next(desk: Desk) -> None:
    error = {"code": "INVALID_TOKEN", "message": "Invalid", "details": "it has expired"}
    desk.intake.take(json.dumps({"type": "error", "data": error}).encode())
    noted = (desk.intake.serves, desk.intake.last_error)
    assert noted == (False, "INVALID_TOKEN: it has expired")
    desk.intake.take(b'{"type":"connection_status","data":{"status":"closing","reconnect_after_ms":2500}}')
    assert desk.intake.delay_ms == 2500
    desk.intake.take(text(trade(1)))
    assert desk.intake.serves
    desk.intake.begin()
    assert (desk.intake.serves, desk.intake.last_error, desk.intake.delay_ms) == (False, "", 0)


def test_an_acknowledgement_is_something_that_was_asked_for(desk: Desk) -> None:
    desk.intake.take(b'{"id":"record-1","type":"subscribed","data":{}}')
    assert desk.intake.serves


def test_too_many_problems_are_only_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPORTS_MAX", 2)
    for _ in range(5):
        desk.intake.take(b"[]")
    assert len(desk.told) == 3
    assert desk.told[-1] == "More problems are only counted."
    assert desk.intake.counts.problems == 5


def test_a_file_that_cannot_be_written_is_noted_and_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.intake.take(text(trade(1)))
    assert len(desk.lines()) == 1
    with monkeypatch.context() as patch:
        patch.setattr(RecordingFile, "flush", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        desk.intake.flush()
    assert desk.intake.failure is not None
    desk.intake.take(text(trade(2)))
    desk.intake.mark("ended")
    assert len(desk.lines()) == 1
