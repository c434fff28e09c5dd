"""The survey: what is in a log on disk, and whether all of it is as it was written."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from finalex.log.disk import Disk
from finalex.log.lock import DirectoryLock
from finalex.log.opening import REPAIRED_SUFFIX, check_files
from finalex.log.port import LogDamagedError, LogError, LogLockedError
from finalex.log.reading import LogReader
from finalex.log.schema import FILE_NAME, WAL_SUFFIX
from finalex.model.events import Batch

Progress = Callable[[int, int], None]
"""Is told from time to time what was done, of how much."""


class Survey(msgspec.Struct):
    """What was found: the good batches before the first damage, with the sequences and times of the first and last.

    `end` is the last sequence that the database names. A log in use was looked at while a server wrote to it.
    """

    batches: int = 0
    events: int = 0
    first: Batch | None = None
    last: Batch | None = None
    end: int = 0
    torn_bytes: int = 0
    in_use: bool = False
    damage: LogDamagedError | None = None

    def add(self, batches: list[Batch]) -> None:
        """Count what follows."""
        self.batches += len(batches)
        self.events += sum(len(batch.events) for batch in batches)
        self.first = self.first or batches[0]
        self.last = batches[-1]


def survey(directory: Path, disk: Disk, progress: Progress) -> Survey:
    """Read the whole log in `directory` and check every checksum and page; raises `LogError` if it cannot be read."""
    found = Survey()
    path = log_path(directory)
    with _alone(directory) as alone:
        found.in_use = not alone
        try:
            if alone:
                found.torn_bytes = check_files(path).torn_bytes
        except LogDamagedError as damage:
            found.damage = damage
        try:
            with closing(LogReader(path, disk, None)) as reader:
                _read(reader, found, progress)
        except LogDamagedError as damage:
            found.damage = found.damage or damage
    return found


def log_path(directory: Path) -> Path:
    """Return the path of the log's database in `directory`; raises `LogError` if no log is there."""
    path = directory / FILE_NAME
    if not any(path.with_name(path.name + suffix).exists() for suffix in ("", WAL_SUFFIX, REPAIRED_SUFFIX)):
        raise LogError(f"There is no log in '{directory}'.")
    return path


def _read(reader: LogReader, found: Survey, progress: Progress) -> None:
    with suppress(LogDamagedError):  # reading comes to it
        found.end = reader.end
    start = reader.position
    for record, batches in reader.records():
        found.add(batches)
        progress(record.last - start, found.end - start)
    reader.check_pages()


@contextmanager
def _alone(directory: Path) -> Iterator[bool]:
    """Keep servers out meanwhile; yield `False` if one is in."""
    try:
        lock = DirectoryLock(directory)
    except LogLockedError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
