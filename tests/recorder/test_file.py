import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from finalex.recorder import file as module
from finalex.recorder.file import RecordingFile

Write = Callable[[int, "memoryview[int] | bytes"], int]


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.fixture(params=["recording.gz", "recording.txt"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_a_line_is_the_receive_time_and_the_message(path: Path) -> None:
    file = RecordingFile(path)
    file.write(1_700_000_000_000_000_001, b'{"id":"1"}')
    file.write(1_700_000_000_000_000_002, '{"id":"é"}'.encode())
    file.close()
    assert read(path) == '1700000000000000001 {"id":"1"}\n1700000000000000002 {"id":"é"}\n'.encode()


def test_the_file_is_whole_after_every_flush(path: Path) -> None:
    file = RecordingFile(path)
    for number in range(3):
        file.write(number, b"{}")
        file.flush()
        assert read(path).count(b"\n") == number + 1
        assert file.size_bytes == path.stat().st_size
    file.flush()
    assert file.size_bytes == path.stat().st_size
    file.close()


def test_much_text_is_written_without_being_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES_MAX", 100)
    file = RecordingFile(path)
    for number in range(10):
        file.write(number, b"x" * 20)
    assert read(path).count(b"\n") == 10 - 10 % 5
    file.close()
    assert read(path).count(b"\n") == 10


def test_line_breaks_in_a_message_become_blanks(path: Path) -> None:
    file = RecordingFile(path)
    file.write(5, b'{\r\n"id": 1}\n')
    file.close()
    assert read(path) == b'5 {  "id": 1} \n'


def test_receive_times_never_go_back(path: Path) -> None:
    file = RecordingFile(path)
    for receive_ns in (5, 9, 7, 10):
        file.write(receive_ns, b"{}")
    file.close()
    assert [line.split()[0] for line in read(path).splitlines()] == [b"5", b"9", b"9", b"10"]


def test_a_recording_is_never_overwritten(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        RecordingFile(path)
    assert path.read_bytes() == b"precious"


def test_closing_again_does_nothing_and_discarding_deletes(path: Path) -> None:
    file = RecordingFile(path)
    file.write(1, b"{}")
    file.close()
    file.close()
    file.discard()
    assert not path.exists()


def full_after(written_bytes: int) -> Write:
    """Return a `write` of a disk that has so many bytes left."""
    left = written_bytes
    write = os.write

    def write_some(descriptor: int, data: "memoryview[int] | bytes") -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = write(descriptor, bytes(data[:left]))
        left -= count
        return count

    return write_some


def test_a_full_disk_leaves_the_whole_lines_up_to_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RecordingFile(path)
    file.write(1, b"{}")
    file.flush()
    sound = path.read_bytes()
    file.write(2, b'{"lost":true}')
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after(7))
        with pytest.raises(OSError, match="No space left"):
            file.flush()
    assert path.read_bytes() == sound
    assert file.size_bytes == len(sound)
    file.write(3, b"{}")
    file.close()
    assert read(path) == b"1 {}\n3 {}\n"


def test_a_disk_that_takes_a_little_at_a_time_gets_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    file = RecordingFile(path)
    file.write(1, b"{}" * 50)
    file.close()
    assert read(path) == b"1 " + b"{}" * 50 + b"\n"
