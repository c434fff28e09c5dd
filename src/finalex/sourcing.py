"""Which source a configuration asks for, made of what is kept."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TextIO

from finalex.bars import bar_text
from finalex.config import Config
from finalex.exchange.engine import Engine
from finalex.exchange.paper_engine import PaperEngine
from finalex.exchange.state import ExchangeState
from finalex.log.port import Log
from finalex.metrics import Metrics
from finalex.sources.exchange import ExchangeSource
from finalex.sources.port import Source
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from finalex.sources.simulate import SimulateSource, present_prices
from finalex.sources.simulation.traders import Traders
from finalex.sources.upstream.opening import open_paper, open_upstream
from finalex.sources.upstream.paper import PaperSource
from finalex.sources.upstream.source import UpstreamSource

SHOWN_APART_S = 0.5


class Ground(Protocol):
    """What a source stands on: the log that it writes, and the state that this adds up to, at the log's end."""

    @property
    def log(self) -> Log:
        """The log; nobody else appends to it."""
        ...

    @property
    def engine_state(self) -> ExchangeState:
        """The state; nobody else changes it."""
        ...


def build_source(config: Config, kept: Ground, metrics: Metrics, now_ms: Callable[[], int]) -> Source:
    """Return the source, on the clock `now_ms`; raises `ValueError`, a sentence for the operator, if there is none."""
    if config.source.kind == "replay":
        return _build_replay(config, kept)
    if config.source.exchange:
        return _build_upstream(config, kept, metrics, now_ms)
    if config.source.kind == "external":
        raise ValueError("The source 'external' comes over NATS: run 'finalex engine' and 'finalex gateway'.")
    engine = Engine(kept.engine_state)
    if config.source.kind == "exchange":
        return ExchangeSource(engine, kept.log, now_ms, config.demo_credits)
    traders = Traders(config.instruments, config.seed, present_prices(kept.engine_state))
    hours = config.history_hours
    return SimulateSource(engine, kept.log, now_ms, config.demo_credits, traders=traders, history_hours=hours)


def describe_source(config: Config, source: Source) -> str:
    """Return what the source is, and how it is where that can change."""
    if isinstance(source, ReplaySource):
        return f"{config.source}, {source.share:.0%} played"
    if not isinstance(source, UpstreamSource | PaperSource):
        return str(config.source)
    live = source.live.values()
    return f"{config.source}, {sum(live)} of {len(live)} books live"


async def show_share(source: Source, stream: TextIO) -> None:
    """Show on a terminal how much of a recording has been played, until its end; elsewhere and else nothing.

    The line stands where the next one of the log is written, and goes with it.
    """
    if not (isinstance(source, ReplaySource) and stream.isatty()):
        return
    while not source.rounds:
        stream.write(f"{bar_text(source.share)} played\r")
        stream.flush()
        await asyncio.sleep(SHOWN_APART_S)


def _build_replay(config: Config, kept: Ground) -> Source:
    place = config.source
    reel = open_reel(place.files, config.instruments, after=kept.log.sequence)
    return ReplaySource(reel, kept.log, speed=config.speed, loop=config.loop, from_ms=place.from_ms)


def _build_upstream(config: Config, kept: Ground, metrics: Metrics, now_ms: Callable[[], int]) -> Source:
    name, problems, silence_ms_max = config.source.exchange, metrics.source_problems, config.upstream_silence_ms_max
    source: UpstreamSource | PaperSource
    if config.source.kind == "paper":
        engine = PaperEngine(kept.engine_state)
        source = open_paper(name, engine, kept.log, now_ms, problems, config.demo_credits, silence_ms_max)
    else:
        last = {symbol: kept.engine_state.next_trade(symbol) - 1 for symbol in config.instruments}
        source = open_upstream(name, config.instruments, kept.log, now_ms, problems, silence_ms_max, last)
    metrics.watch_labeled("upstream_live", "Whether the upstream's book is there", "symbol", lambda: source.live)
    return source
