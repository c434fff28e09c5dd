"""The lock on a log's directory: one process writes a log."""

import fcntl
import os
from pathlib import Path

from finalex.log.port import LogLockedError

LOCK_FILE_NAME = "events.lock"


class DirectoryLock:
    """Holds a directory until released, or until the process ends in any way.

    Raises `LogLockedError` if it is held already, `OSError` if it cannot be locked at all.
    """

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace")
            os.close(self._descriptor)
            raise LogLockedError(
                f"The log in '{directory}' is in use by another server (process {holder or 'unknown'})."
            ) from None
        except OSError:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Let others have the directory."""
        os.close(self._descriptor)
