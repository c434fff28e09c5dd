"""Upstreams by name."""

from collections import Counter
from collections.abc import Callable, Mapping

from finalex.exchange.paper_engine import PaperEngine
from finalex.log.port import Log
from finalex.model.instruments import Instruments
from finalex.sources.upstream.ccxt_feed import open_feed
from finalex.sources.upstream.paper import PaperSource
from finalex.sources.upstream.source import UpstreamSource


def open_upstream(
    name: str,
    instruments: Instruments,
    log: Log,
    now_ms: Callable[[], int],
    problems: Counter[str],
    silence_ms_max: int,
    last_trades: Mapping[str, int],
) -> UpstreamSource:
    """Return the source that shows `instruments` as the exchange that ccxt calls `name` has them; in an event loop.

    `last_trades` are those in the log, by symbol. Raises `UpstreamError` if there is no such upstream.
    """
    feed = open_feed(name)
    return UpstreamSource(
        feed, instruments, log, now_ms, problems, silence_ms_max=silence_ms_max, last_trades=last_trades
    )


def open_paper(
    name: str,
    engine: PaperEngine,
    log: Log,
    now_ms: Callable[[], int],
    problems: Counter[str],
    demo_balances: Mapping[str, int],
    silence_ms_max: int,
) -> PaperSource:
    """Return the source that trades on paper what `open_upstream` shows; see there."""
    feed = open_feed(name)
    return PaperSource(feed, engine, log, now_ms, problems, demo_balances, silence_ms_max=silence_ms_max)
