"""The file of the audit log: its parts, its size, its owner, several who write, and disks that fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from finalex.audit.file import AUDIT_FILE_NAME, AuditFile


def lines(first: int, last: int) -> list[bytes]:
    """Return lines of 100 bytes each."""
    return [b"%099d\n" % number for number in range(first, last)]


def parts(directory: Path) -> list[Path]:
    """Return the parts of the file, oldest first."""
    found = [path for path in directory.iterdir() if path.name.startswith(AUDIT_FILE_NAME)]
    return sorted(found, key=lambda path: path.suffix if path.suffix != ".jsonl" else "", reverse=True)


def kept(directory: Path) -> list[int]:
    return [int(line) for part in parts(directory) for line in part.read_bytes().split()]


def test_lines_are_added_in_order_for_the_owner_alone(tmp_path: Path) -> None:
    AuditFile(tmp_path, 100_000).add(lines(0, 2))
    AuditFile(tmp_path, 100_000).add(lines(2, 3))

    assert kept(tmp_path) == [0, 1, 2]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_oldest_part_goes_and_the_size_is_bounded(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, 5_000)
    for number in range(123):
        file.add(lines(number, number + 1))
        assert sum(part.stat().st_size for part in parts(tmp_path)) <= 5_000

    assert [part.name for part in parts(tmp_path)] == [*(f"audit.jsonl.{n}" for n in (4, 3, 2, 1)), "audit.jsonl"]
    assert kept(tmp_path) == list(range(80, 123))


def test_many_lines_at_once_go_into_as_many_parts_as_they_need(tmp_path: Path) -> None:
    AuditFile(tmp_path, 5_000).add(lines(0, 25))

    assert [len(part.read_bytes()) for part in parts(tmp_path)] == [1000, 1000, 500]
    assert kept(tmp_path) == list(range(25))


def test_processes_that_write_at_once_lose_and_split_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from finalex.audit.file import AuditFile; "
        "file = AuditFile(Path(sys.argv[1]), 100_000); first = int(sys.argv[2]); sys.stdin.readline()\n"
        "for number in range(first, first + 50): file.add([b'%099d\\n' % number])"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(first)], stdin=subprocess.PIPE)
        for first in (0, 50, 100)
    ]
    for writer in writers:
        writer.communicate(b"\n")

    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(parts(tmp_path)) == 1
    assert sorted(kept(tmp_path)) == list(range(150))


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, 100_000)
    file.add(lines(0, 1))
    (tmp_path / AUDIT_FILE_NAME).rename(tmp_path / "taken")
    file.add(lines(1, 2))

    assert kept(tmp_path) == [1]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / AUDIT_FILE_NAME).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        AuditFile(tmp_path, 100_000).add(lines(0, 1))
    assert not (tmp_path / "elsewhere").exists()


def test_half_a_line_is_taken_back_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AuditFile(tmp_path, 100_000)
    file.add(lines(0, 1))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:40]))
        with pytest.raises(OSError, match="No space left"):
            file.add(lines(1, 2))
    file.add(lines(2, 3))

    assert kept(tmp_path) == [0, 2]


def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AuditFile(tmp_path / "gone", 100_000).add(lines(0, 1))
