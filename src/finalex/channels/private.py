"""What the private channels have in common: streams of a user, with or without a filter by symbol."""

from functools import lru_cache

from finalex.protocol.streams import Stream

STREAMS_CACHED_MAX = 4096
"""Pairs of streams kept ready; more are made anew each time."""


@lru_cache(STREAMS_CACHED_MAX)
def user_streams(channel: str, user: str, symbol: str) -> tuple[Stream, Stream]:
    """Return the streams that a message about `symbol` belongs to: that of all symbols, and that of this one."""
    return Stream(channel, user=user), Stream(channel, symbol, user=user)
