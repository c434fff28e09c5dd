"""Trimming: what snapshots cover goes when it is too old, or when the stream holds too much."""

from math import ceil

from finalex.log.jetstream.limits import JetStreamLimits
from finalex.log.jetstream.stream import LogStream


async def trim(stream: LogStream, covered: int, limits: JetStreamLimits) -> int:
    """Delete messages with batches up to `covered` that are beyond `limits`, never the last; return how many.

    Too much is counted by messages, as if they were all of one size. Raises `LogError` and its kinds.
    """
    held = await stream.held()
    last = await stream.get(held.last)
    if last is None:
        return 0
    keep_bytes = held.bytes_max * limits.filled_max
    surplus = 1 - keep_bytes / held.used_bytes if held.used_bytes > keep_bytes > 0 else 0.0
    up_to = held.first - 1 + ceil(surplus * (held.last - held.first + 1))
    oldest_ms = last.time_ms - limits.age_ms_max
    if oldest_ms > 0:
        # the first batch of an empty log has no time of its own yet, which makes it no older than the second
        up_to = max(up_to, await stream.last_where(lambda envelope: 0 < envelope.record.time_ms < oldest_ms))
    if up_to < held.first:
        return 0
    allowed = await stream.last_where(lambda envelope: envelope.record.last <= covered)
    up_to = min(up_to, allowed, held.last - 1)
    if up_to < held.first:
        return 0
    await stream.purge(up_to)
    return up_to - held.first + 1
