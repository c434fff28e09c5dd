"""Opening a log on disk: what has to be in order before anybody writes to it."""

from pathlib import Path

import structlog

from finalex.log.damage import Damage, explained
from finalex.log.disk import Disk
from finalex.log.lock import DirectoryLock
from finalex.log.port import LogError
from finalex.log.schema import FILE_NAME, WAL_SUFFIX, create_database
from finalex.log.store import Store
from finalex.log.wal import WalTail, inspect_wal

REPAIRED_SUFFIX = ".repaired"
"""A repaired database has this name until the damaged one is out of its way."""

_logger = structlog.get_logger(__name__)


def open_store(directory: Path, disk: Disk, now_ms: int, skipped: int) -> tuple[Store, DirectoryLock]:
    """Lock `directory`, open the log in it, or make a new one, and return both.

    After an end without `close` the log goes on `skipped` sequences further up. Raises `LogError` and its kinds.
    """
    path = directory / FILE_NAME
    with explained(path):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DirectoryLock(directory)
    try:
        with explained(path):
            tail = check_files(path)
            if tail.torn_bytes:
                _logger.warning("log_tail_cut", path=str(path), bytes=tail.torn_bytes)
            if not path.exists():
                create_database(path, disk, now_ms)
            return _begun(Store(path, disk), skipped), lock
    except BaseException:
        lock.release()
        raise


def _begun(store: Store, skipped: int) -> Store:
    try:
        store.begin(skipped)
    except BaseException:
        store.close(clean=False)
        raise
    return store


def check_files(path: Path) -> WalTail:
    """Return how the write-ahead log beside the database at `path` ends, which nobody else may use meanwhile.

    Raises `LogDamagedError`, `LogError` and `OSError`.
    """
    if is_interrupted(path):
        raise LogError(f"The repair of the log '{path}' was interrupted: 'finalex log repair' ends it.")
    wal = path.with_name(path.name + WAL_SUFFIX)
    with explained(path):
        tail = inspect_wal(wal)
        if not path.exists() and wal.exists():
            raise Damage("its database is missing, its write-ahead log is there")
    return tail


def is_interrupted(path: Path) -> bool:
    """Whether a repair of the database at `path` has begun and not ended; `finalex.log.repair` ends it."""
    return path.with_name(path.name + REPAIRED_SUFFIX).exists()
