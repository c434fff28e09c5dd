"""The socket in the data directory: one server, its owner's alone, and what a dead server leaves behind."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from finalex.admin.errors import AdminError, NoServerError
from finalex.admin.socket_file import ADDRESS_BYTES_MAX, SOCKET_FILE_NAME, SocketFile, connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / SOCKET_FILE_NAME


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def accepts(listener: socket.socket, path: Path) -> bool:
    with connect(path, 5.0) as client:
        client.sendall(b"x")
        taken, _ = listener.accept()
        with taken:
            return taken.recv(1) == b"x"


def left_behind(path: Path) -> None:
    """Leave the socket of a server that was killed."""
    path.parent.mkdir(exist_ok=True)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.listen()
    dead.close()


def test_the_socket_and_its_directory_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with SocketFile(path).listen() as listener:
            assert (mode(path.parent), mode(path)) == (0o700, 0o600)
            assert accepts(listener, path)
    finally:
        os.umask(before)


def test_nothing_can_connect_before_the_mode_is_set(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chmod(*_args: object, **_options: object) -> None:
        with pytest.raises(NoServerError):
            connect(path, 5.0)
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", chmod)
    with pytest.raises(AdminError, match="cannot be made: Operation not permitted"):
        SocketFile(path).listen()


def test_a_second_server_on_the_same_directory_is_refused(path: Path) -> None:
    with SocketFile(path).listen() as listener:
        with pytest.raises(AdminError, match=f"Another server runs on the data directory '{path.parent}'"):
            SocketFile(path).listen()
        listener.accept()[0].close()  # the second one's look
        assert accepts(listener, path)


def test_a_server_that_is_too_busy_to_take_connections_is_one_all_the_same(path: Path) -> None:
    with SocketFile(path).listen(), socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        clients = []
        try:
            while True:
                clients.append(socket.socket(socket.AF_UNIX))
                clients[-1].setblocking(False)
                clients[-1].connect(str(path))
        except BlockingIOError:
            pass
        with pytest.raises(AdminError, match="Another server"):
            SocketFile(path).listen()
        with pytest.raises(AdminError, match="cannot be reached"):
            connect(path, 0.01)
        for one in clients:
            one.close()


def test_the_socket_of_a_dead_server_is_replaced(path: Path) -> None:
    left_behind(path)
    with SocketFile(path).listen() as listener:
        assert accepts(listener, path)


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(AdminError, match="is in the way: it is no socket"):
        SocketFile(path).listen()
    assert path.read_text() == "precious"


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AdminError, match="it is no socket"):
        SocketFile(path).listen()


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdminError, match="cannot be made: "):
        SocketFile(tmp_path / "file" / SOCKET_FILE_NAME).listen()


def test_of_servers_that_start_together_one_wins(path: Path) -> None:
    left_behind(path)
    program = f"""
import sys
from pathlib import Path
from finalex.admin.errors import AdminError
from finalex.admin.socket_file import SocketFile
sys.stdin.readline()
try:
    listener = SocketFile(Path({str(path)!r})).listen()
except AdminError:
    print("refused", flush=True)
else:
    print("listens", flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", program]
    starters = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(4)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("\n")
        starter.stdin.flush()
    said = [starter.stdout.readline().strip() for starter in starters if starter.stdout is not None]
    for starter in starters:
        starter.communicate("\n", 30)
    assert sorted(said) == ["listens", "refused", "refused", "refused"]


def test_the_socket_goes_with_its_server(path: Path) -> None:
    file = SocketFile(path)
    with file.listen():
        file.remove()
    assert not path.exists()
    with pytest.raises(NoServerError):
        connect(path, 5.0)


def test_another_servers_socket_stays(path: Path) -> None:
    first, second = SocketFile(path), SocketFile(path)
    with first.listen():
        path.unlink()
        with second.listen() as listener:
            first.remove()
            assert accepts(listener, path)


def test_a_directory_that_is_gone_does_not_keep_a_server_from_stopping(path: Path) -> None:
    file = SocketFile(path)
    with file.listen():
        path.parent.rename(path.parent.with_name("moved"))
        file.remove()
    assert not path.exists()


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / ("x" * ADDRESS_BYTES_MAX) / SOCKET_FILE_NAME
    with SocketFile(path).listen() as listener:
        assert accepts(listener, path)
        listener.setblocking(False)
        with pytest.raises(AdminError, match="Another server"):
            SocketFile(path).listen()
    SocketFile(path).listen().close()


@pytest.mark.parametrize("make", [lambda path: None, left_behind, lambda path: path.parent.mkdir()])
def test_without_a_server_there_is_nobody_to_reach(path: Path, make: object) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(NoServerError, match=f"No server runs on the data directory '{path.parent}'"):
        connect(path, 5.0)
