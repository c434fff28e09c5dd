"""Upstreams by name."""

from collections import Counter
from collections.abc import Callable

from finalex.log.port import Log
from finalex.model.instruments import Instruments
from finalex.sources.upstream.ccxt_feed import open_feed
from finalex.sources.upstream.source import UpstreamSource


def open_upstream(
    name: str,
    instruments: Instruments,
    log: Log,
    now_ms: Callable[[], int],
    problems: Counter[str],
    silence_ms_max: int,
) -> UpstreamSource:
    """Return the source that shows `instruments` as the exchange that ccxt calls `name` has them; in an event loop.

    Raises `UpstreamError` if there is no such upstream.
    """
    return UpstreamSource(open_feed(name), instruments, log, now_ms, problems, silence_ms_max=silence_ms_max)
