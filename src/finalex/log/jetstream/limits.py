"""The limits of a log on JetStream."""

import msgspec

from finalex.log.limits import DAY_MS

MESSAGE_BYTES_MAX = (1 << 20) - 8192
"""The largest message, compressed and with its envelope: what NATS takes unless configured otherwise, with headers."""

RECORD_BYTES_MAX = 512 << 10
"""A record is closed before it holds more, encoded and not compressed yet, but for one batch that alone is larger."""

RECORD_BATCHES_MAX = 4096


class JetStreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a log on JetStream keeps, holds back and waits."""

    filled_max: float = 0.5
    """What may be trimmed is, while more than this part of the stream is full."""

    age_ms_max: int = 7 * DAY_MS
    """What may be trimmed is, once it is so much older than the last batch."""

    reserve_bytes: int = 64 << 20
    """With less room left, or an eighth of the stream, no events are taken: the clock, and what waits, still fit."""

    pending_bytes_max: int = 64 << 20
    """No more events are taken while so much, encoded, waits to be stored."""

    retry_ms: int = 250
    """The pause after an attempt that failed, and between two looks at how full the stream is, while it is."""

    failed_ms: int = 1500
    """When JetStream has not answered for so long, no more events are taken."""

    close_timeout_ms: int = 10_000
    """How long closing waits for servers that hang."""
