"""The socket in the data directory: who listens on it is the one server there, and only its owner can reach it."""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finalex.admin.errors import AdminError, NoServerError

SOCKET_FILE_NAME = "admin.sock"
LOCK_FILE_NAME = "admin.lock"

BACKLOG = 16
"""How many connections the system may hold for the server before it takes them."""

ADDRESS_BYTES_MAX = 107
"""The longest name of a socket (unix(7)); a longer one is reached through its directory."""


class SocketFile:
    """The socket at `path`, mode 0600 in a directory that is made with mode 0700 if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def listen(self) -> socket.socket:
        """Return a socket that listens; one left behind by a server that is gone is replaced.

        Raises `AdminError` if another server listens there, or if it is not possible.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._path.parent) as directory:
                return self._bind(directory)
        except AdminError:
            raise
        except OSError as error:
            raise AdminError(f"The socket '{self._path}' cannot be made: {error.strerror}.") from None

    def remove(self) -> None:
        """Take the socket away if it is still the one that `listen` made, and still open: so its inode is no other's.

        One that stays does no harm.
        """
        identity, self._identity = self._identity, None
        with suppress(OSError), _locked(self._path.parent) as directory:
            status = os.stat(self._path.name, dir_fd=directory, follow_symlinks=False)
            if identity == (status.st_dev, status.st_ino):
                os.unlink(self._path.name, dir_fd=directory)

    def _bind(self, directory: int) -> socket.socket:
        self._clear(directory)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(_address(self._path, directory))
            os.chmod(self._path.name, 0o600, dir_fd=directory)  # before anybody can connect
            listener.listen(BACKLOG)
            status = os.stat(self._path.name, dir_fd=directory)
        except BaseException:
            listener.close()
            raise
        self._identity = status.st_dev, status.st_ino
        return listener

    def _clear(self, directory: int) -> None:
        """Make room for a socket, unless somebody listens; the lock keeps others from doing the same."""
        try:
            status = os.stat(self._path.name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise AdminError(f"'{self._path}' is in the way: it is no socket.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a server too busy to take a connection is one all the same
            try:
                probe.connect(_address(self._path, directory))
            except ConnectionRefusedError:
                os.unlink(self._path.name, dir_fd=directory)
                return
            except BlockingIOError:
                pass
        raise AdminError(f"Another server runs on the data directory '{self._path.parent}'.")


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Return a connection to the server at `path`; it and all that is done with it waits at most `timeout_s`.

    Raises `NoServerError`, or another `AdminError` if nobody may or can connect.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        with _opened(path.parent) as directory:
            connection.connect(_address(path, directory))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        raise NoServerError(f"No server runs on the data directory '{path.parent}'.") from None
    except OSError as error:
        connection.close()
        reason = error.strerror or "it does not answer"
        raise AdminError(f"The server at '{path}' cannot be reached: {reason}.") from None
    return connection


def _address(path: Path, directory: int) -> str:
    """Return a name for the socket at `path` that is short enough, while its directory is open as `directory`."""
    name = str(path)
    return name if len(os.fsencode(name)) <= ADDRESS_BYTES_MAX else f"/proc/self/fd/{directory}/{path.name}"


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Open a directory and keep others from doing the same meanwhile; nobody does it for long."""
    with _opened(directory) as descriptor:
        lock = os.open(LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=descriptor)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(lock)
