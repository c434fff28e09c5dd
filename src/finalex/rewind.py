"""Rewinding: the state from which the log of a data directory can be played again. Nothing in it is changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from finalex.channels.hub import Hub
from finalex.log.disk import Disk
from finalex.log.port import LogError, LogTrimmedError
from finalex.log.reading import LogReader
from finalex.log.schema import FILE_NAME
from finalex.recovery import RecoveryError
from finalex.snapshots.errors import IncompatibleInstrumentsError, SnapshotError
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from finalex.snapshots.snapshot import restore

_log = structlog.get_logger("finalex.rewind")


def rewind(directory: Path, build_hub: Callable[[], Hub], from_ms: int) -> Hub:
    """Return a hub, made by `build_hub`, with the state from which to play the log in `directory`.

    That is the newest good snapshot from `from_ms` or before, by the log's clock; without one the log's beginning;
    and if that is no longer kept, the oldest snapshot. Raises `RecoveryError` if the configured instruments do not
    go with the log, or there is nothing to begin with.
    """
    oldest = None
    for hub in _restored(SnapshotFolder(directory / FOLDER_NAME), build_hub):
        if hub.time_ms <= from_ms:
            return hub
        oldest = hub
    trimmed = _trimmed(directory / FILE_NAME)
    if trimmed is None:
        return build_hub()
    if oldest is None:
        raise RecoveryError(f"{trimmed} Without a good snapshot there is no state to begin with.")
    return oldest


def _restored(folder: SnapshotFolder, build_hub: Callable[[], Hub]) -> Iterator[Hub]:
    """Iterate hubs with the states of all good snapshots, newest first."""
    for sequence in folder.sequences():
        hub = build_hub()
        try:
            restore(folder.read(sequence), hub)
        except IncompatibleInstrumentsError as error:
            raise RecoveryError(str(error)) from error
        except (SnapshotError, OSError) as error:
            _log.warning("snapshot_problem", reason=str(error))
        else:
            yield hub


def _trimmed(path: Path) -> str | None:
    """Return what is no longer kept of a log as a sentence, `None` if its beginning is there, or no log at all."""
    if not path.is_file():
        return None
    try:
        LogReader(path, Disk(), 0).close()
    except LogTrimmedError as error:
        return str(error)
    except LogError as error:
        raise RecoveryError(str(error)) from error
    return None
