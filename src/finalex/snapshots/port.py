"""The port to stored snapshots: whoever restores a state or looks into the past reads them, wherever they are."""

from typing import Protocol, TypeVar

from finalex.snapshots.snapshot import Snapshot

T = TypeVar("T")


class StoredSnapshots(Protocol):
    """Snapshots by their sequences. Its methods wait, and raise `OSError`."""

    @property
    def path(self) -> object:
        """Where they are, as the operator knows it."""
        ...

    def sequences(self) -> list[int]:
        """Return the sequences of all snapshots, newest first, good or not."""
        ...

    def read(self, sequence: int) -> Snapshot:
        """Return the snapshot at `sequence`; raises `SnapshotDamagedError` and `SnapshotVersionError`."""
        ...

    def read_part(self, sequence: int, kind: type[T]) -> T:
        """Return what of the snapshot at `sequence` a `kind` of struct with fewer fields has; raises as `read` does."""
        ...
