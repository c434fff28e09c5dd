"""The file of the audit log: lines are added, and what is old goes once it is too large."""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

AUDIT_FILE_NAME = "audit.jsonl"
LOCK_FILE_NAME = "audit.lock"

FILES = 5
"""The newest part, and older ones beside it with `.1` to `.4` at the end."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class AuditFile:
    """The file `audit.jsonl` (mode 0600) in a directory, to which several processes add lines; each line stays whole.

    With its older parts it takes up `bytes_max` at most.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._path = directory / AUDIT_FILE_NAME
        self._lock_path = directory / LOCK_FILE_NAME
        self._part_bytes_max = bytes_max // FILES

    def add(self, lines: Sequence[bytes]) -> None:
        """Add lines at the end, in order; raises `OSError` if not all of them are there."""
        with self._locked():
            descriptor = os.open(self._path, _FLAGS, 0o600)
            try:
                for line in lines:
                    size = os.fstat(descriptor).st_size
                    if size and size + len(line) > self._part_bytes_max:
                        os.close(descriptor)
                        descriptor = -1
                        self._shift()
                        descriptor = os.open(self._path, _FLAGS, 0o600)
                    _append(descriptor, line)
            finally:
                if descriptor >= 0:
                    os.close(descriptor)

    def _shift(self) -> None:
        """Make every part one older; the oldest is gone."""
        parts = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, FILES))]
        for newer, older in reversed(list(pairwise(parts))):
            with suppress(FileNotFoundError):
                os.replace(newer, older)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from adding meanwhile; nobody does it for long."""
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _append(descriptor: int, line: bytes) -> None:
    """Add a line, all of it or nothing."""
    size = os.fstat(descriptor).st_size
    if os.write(descriptor, line) != len(line):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
