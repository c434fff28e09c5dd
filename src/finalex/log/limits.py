"""The limits of a log on disk."""

import msgspec

DAY_MS = 86_400_000


class SqliteLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a log on disk keeps, holds back and waits."""

    bytes_max: int = 1 << 30
    """What may be trimmed is, while the database is larger than this."""

    age_ms_max: int = 7 * DAY_MS
    """What may be trimmed is, once it is so much older than the last batch."""

    free_bytes_min: int = 64 << 20
    """With less space left on the disk, no events are taken: what is under way, and the clock, still find room."""

    pending_bytes_max: int = 64 << 20
    """No more events are taken while so much, encoded, waits for the disk."""

    clock_interval_ms: int = 5000
    """When nothing else happens, batches without events are stored together at most so often."""

    retry_ms: int = 250
    """The pause after a failure of the disk, and between two looks whether it is over."""

    close_timeout_ms: int = 10_000
    """How long closing waits for a disk that hangs."""
