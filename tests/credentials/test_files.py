"""Files that are there completely or not at all."""

from pathlib import Path

import pytest

from finalex.credentials.files import create_private


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")

    assert create_private(path, lambda new: new.write_text("lost")) is False
    assert path.read_text() == "kept"


def test_one_who_comes_second_leaves_the_firsts_file(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def fill(new: Path) -> None:
        new.write_text("second")
        path.write_text("first")

    assert create_private(path, fill) is False
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_filled_is_not_there(tmp_path: Path) -> None:
    def fail(new: Path) -> None:
        new.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create_private(tmp_path / "file", fail)

    assert list(tmp_path.iterdir()) == []
