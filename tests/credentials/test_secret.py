"""The file that keeps the secret which signs tokens."""

import subprocess
import sys
from pathlib import Path

import pytest

from finalex.credentials.secret import SECRET_FILE_NAME, SecretFileError, stored_secret


def test_the_first_who_asks_makes_a_secret_and_everybody_else_gets_the_same(tmp_path: Path) -> None:
    first = stored_secret(tmp_path)

    assert len(first.reveal().encode()) >= 32
    assert stored_secret(tmp_path) == first


def test_two_servers_have_different_secrets(tmp_path: Path) -> None:
    assert stored_secret(tmp_path / "one") != stored_secret(tmp_path / "other")


def test_only_the_owner_can_read_it_and_its_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    stored_secret(data_dir)

    assert (data_dir / SECRET_FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in data_dir.iterdir()] == [SECRET_FILE_NAME]


def test_processes_that_ask_at_the_same_time_get_the_same_secret(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from finalex.credentials.secret import stored_secret; sys.stdin.readline(); "
        "print(stored_secret(pathlib.Path(sys.argv[1])).reveal())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    askers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # all wait for a line
        for _ in range(4)
    ]
    for asker in askers:
        assert asker.stdin is not None
        asker.stdin.write("\n")
        asker.stdin.flush()

    answers = {asker.communicate()[0] for asker in askers}

    assert len(answers) == 1
    assert len(answers.pop().strip()) >= 32


def test_a_secret_of_ones_own_may_stand_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / SECRET_FILE_NAME
    file.write_text("a secret that somebody thought of\n")
    file.chmod(0o600)

    assert stored_secret(tmp_path).reveal() == "a secret that somebody thought of"


@pytest.mark.parametrize("content", [b"", b"hunter2", b"hunter2" * 1000, b"hunter2\n" * 10, b"\xff" * 64 + b"\0"])
def test_a_file_that_holds_no_secret_is_refused_without_repeating_it(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / SECRET_FILE_NAME
    file.write_bytes(content)
    file.chmod(0o600)

    with pytest.raises(SecretFileError, match="delete it to have a new one made") as caught:
        stored_secret(tmp_path)

    assert "hunter2" not in str(caught.value)
    assert file.read_bytes() == content


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    stored_secret(tmp_path)
    (tmp_path / SECRET_FILE_NAME).chmod(0o640)

    with pytest.raises(SecretFileError, match="can be read by other users"):
        stored_secret(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SecretFileError, match="file/data/jwt-secret' cannot be used: Not a directory"):
        stored_secret(tmp_path / "file" / "data")
