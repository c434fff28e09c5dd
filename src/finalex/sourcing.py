"""Which source a configuration asks for, made of what is kept."""

from finalex.clock import now_ms
from finalex.config import Config
from finalex.exchange.engine import Engine
from finalex.metrics import Metrics
from finalex.persistence import Kept
from finalex.sources.exchange import ExchangeSource
from finalex.sources.port import Source
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from finalex.sources.simulate import SimulateSource, present_prices
from finalex.sources.simulation.traders import Traders
from finalex.sources.upstream.opening import open_upstream
from finalex.sources.upstream.source import UpstreamSource


def build_source(config: Config, kept: Kept, metrics: Metrics) -> Source:
    """Return the source; raises `ValueError`, with a sentence for the operator, if there cannot be one."""
    if config.source.kind == "replay":
        return _build_replay(config, kept)
    if config.source.kind == "upstream":
        return _build_upstream(config, kept, metrics)
    engine = Engine(kept.engine_state)
    if config.source.kind == "exchange":
        return ExchangeSource(engine, kept.log, now_ms, config.demo_credits)
    traders = Traders(config.instruments, config.seed, present_prices(kept.engine_state))
    hours = config.history_hours
    return SimulateSource(engine, kept.log, now_ms, config.demo_credits, traders=traders, history_hours=hours)


def describe_source(config: Config, source: Source) -> str:
    """Return what the source is, and how it is where that can change."""
    if not isinstance(source, UpstreamSource):
        return str(config.source)
    live = source.live.values()
    return f"{config.source}, {sum(live)} of {len(live)} books live"


def _build_replay(config: Config, kept: Kept) -> Source:
    place = config.source
    reel = open_reel(place.files, config.instruments, after=kept.hub.sequence)
    return ReplaySource(reel, kept.log, speed=config.speed, loop=config.loop, from_ms=place.from_ms)


def _build_upstream(config: Config, kept: Kept, metrics: Metrics) -> Source:
    source = open_upstream(
        config.source.exchange,
        config.instruments,
        kept.log,
        now_ms,
        metrics.source_problems,
        config.upstream_silence_ms_max,
    )
    metrics.watch_labeled("upstream_live", "Whether the upstream's book is there", "symbol", lambda: source.live)
    return source
