"""Reels by name: what `replay:` may name, and how it is opened."""

from collections.abc import Sequence
from pathlib import Path

from finalex.model.instruments import Instruments
from finalex.sources.logged import LoggedMarkets
from finalex.sources.recorded import RecordedMarkets
from finalex.sources.recordings import RecordingError, open_recordings
from finalex.sources.reel import Reel


def open_reel(names: Sequence[str], instruments: Instruments, after: int = 0) -> Reel:
    """Return the reel that a data directory, or recordings in their order, make.

    Of a log only what comes after the batch `after` is played. Raises `RecordingError` for what cannot be played.
    """
    directories = [name for name in names if Path(name).expanduser().is_dir()]
    if not directories:
        return RecordedMarkets(open_recordings(",".join(names), instruments), instruments)
    if len(names) > 1:
        raise RecordingError(f"{directories[0]}: a data directory is played alone, without anything beside it")
    return LoggedMarkets(Path(names[0]).expanduser(), after)
