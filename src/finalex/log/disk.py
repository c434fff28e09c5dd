"""The disk under the log: the one place that opens databases and asks for space, so that tests can let it fail."""

import os
import sqlite3
from pathlib import Path

BUSY_TIMEOUT_S = 5.0
"""How long to wait for another process that recovers or closes the same database."""


class Disk:
    """The disk of this machine."""

    connection_type: type[sqlite3.Connection] = sqlite3.Connection

    def connect(self, path: Path, *, writing: bool) -> sqlite3.Connection:
        """Open the database at `path`, which exists; statements commit by themselves. Raises `sqlite3.Error`.

        It may move between threads, but only one may use it at a time. Who only reads can change nothing, not even
        the write-ahead log: SQLite before 3.51.3 may lose data when two do that ("WAL-reset bug").
        """
        mode = "rw" if writing else "ro"
        uri = f"{path.absolute().as_uri()}?mode={mode}&psow=1"  # psow: a commit is one frame, not a whole sector
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=self.connection_type,
        )
        connection.execute("PRAGMA cell_size_check = ON")
        return connection

    def free_bytes(self, directory: Path) -> int:
        """Return how much more can be stored in `directory`; raises `OSError`."""
        status = os.statvfs(directory)
        return status.f_bavail * status.f_frsize
