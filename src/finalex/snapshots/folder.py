"""The folder of snapshots: each in a file named after its sequence, the last two generations kept."""

import os
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from finalex.snapshots.encoding import check_content, decode_part, decode_snapshot, encode_snapshot
from finalex.snapshots.errors import SnapshotDamagedError, SnapshotError
from finalex.snapshots.snapshot import Snapshot

T = TypeVar("T")

FOLDER_NAME = "snapshots"
"""Its name within a data directory."""

GENERATIONS = 2
"""So many good snapshots are kept: the newest, and one in case that is damaged."""

_SUFFIX = ".snapshot"
_PART_SUFFIX = ".part"
"""What follows the name of a file that is still being written; one that stays behind means nothing."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of `size_bytes` is stored; `kept` are the sequences of all that are there now, newest first."""

    sequence: int
    size_bytes: int
    kept: list[int]

    @property
    def covered(self) -> int:
        """The log up to here is in all kept generations: no start needs it again. 0 before there are that many."""
        return self.kept[-1] if len(self.kept) == GENERATIONS else 0


class SnapshotFolder:
    """The snapshots in the directory `path`, which is made for its owner alone when the first one is written.

    Only one process may write at a time; reading is safe meanwhile. Its methods raise `OSError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def sequences(self) -> list[int]:
        """Return the sequences of all snapshots, newest first, good or not."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        found = (re.fullmatch(rf"(0|[1-9]\d*){re.escape(_SUFFIX)}", name, re.ASCII) for name in names)
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def read(self, sequence: int) -> Snapshot:
        """Return the snapshot at `sequence`; raises `SnapshotDamagedError` and `SnapshotVersionError`."""
        path = self._path(sequence)
        try:
            snapshot = decode_snapshot(path.read_bytes())
            if snapshot.sequence != sequence:
                raise SnapshotDamagedError(f"it is of batch {snapshot.sequence}")
        except SnapshotError as error:
            raise type(error)(f"The snapshot '{path}' cannot be used: {error}.") from error
        return snapshot

    def read_part(self, sequence: int, kind: type[T]) -> T:
        """Return what of the snapshot at `sequence` a `kind` of struct with fewer fields has; raises as `read` does."""
        path = self._path(sequence)
        try:
            return decode_part(path.read_bytes(), kind)
        except SnapshotError as error:
            raise type(error)(f"The snapshot '{path}' cannot be used: {error}.") from error

    def write(self, snapshot: Snapshot) -> Written:
        """Store a snapshot and forget all but the newest good `GENERATIONS`.

        It is there under its name completely or not at all, whenever the power fails; while the disk is full or
        broken, what was there before stays.
        """
        content = encode_snapshot(snapshot)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store(self._path(snapshot.sequence), content)
        return Written(sequence=snapshot.sequence, size_bytes=len(content), kept=self._prune())

    def _store(self, path: Path, content: bytes) -> None:
        part = path.with_name(path.name + _PART_SUFFIX)
        part.unlink(missing_ok=True)
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        """Make the names in the directory durable."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _prune(self) -> list[int]:
        """Delete all but the newest good generations, and what was never finished; return what is left."""
        kept: list[int] = []
        for sequence in self.sequences():
            if len(kept) < GENERATIONS and self._is_good(sequence):
                kept.append(sequence)
            else:
                self._path(sequence).unlink(missing_ok=True)
        for part in self.path.glob(f"*{_SUFFIX}{_PART_SUFFIX}"):
            part.unlink(missing_ok=True)
        return kept

    def _is_good(self, sequence: int) -> bool:
        try:
            check_content(self._path(sequence).read_bytes())
        except (SnapshotError, OSError):
            return False
        return True

    def _path(self, sequence: int) -> Path:
        return self.path / f"{sequence}{_SUFFIX}"
