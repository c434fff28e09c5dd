"""What an engine of a cluster shows of itself."""

from collections import Counter
from typing import Protocol

from finalex.cluster.leading import Leading
from finalex.cluster.standby import Standby
from finalex.metrics import Metrics
from finalex.roles.engine_snapshots import EngineSnapshots


class Shown(Protocol):
    """An engine that shows itself; see `EngineRole`."""

    takeovers: int
    counts: Counter[str]
    snapshots: EngineSnapshots
    standby: Standby | None
    leading: Leading | None

    @property
    def ready(self) -> bool:
        """See `EngineRole.ready`."""
        ...

    @property
    def sequence(self) -> int:
        """See `EngineRole.sequence`."""
        ...


def watch_engine(metrics: Metrics, engine: Shown) -> None:
    """Show in `metrics` whether `engine` leads, how it follows, and what it did with commands."""
    counts = engine.counts
    metrics.watch("engine_leads", "1 while this engine leads, 0 while not", lambda: engine.leading is not None)
    metrics.watch("engine_ready", "1 while it leads, or has caught up with who does", lambda: engine.ready)
    metrics.watch("log_sequence", "The last batch in this engine's state", lambda: engine.sequence)
    metrics.watch("log_lag_batches", "Batches in the log that this engine's state has not", lambda: _lag(engine))
    metrics.watch("log_refuses", "1 while the log takes no events, and orders are refused", lambda: _refuses(engine))
    metrics.watch("log_pending_bytes", "What waits for NATS, encoded", lambda: _pending_bytes(engine))
    metrics.watch("snapshot_sequence", "The newest snapshot seen here", lambda: engine.snapshots.newest)
    metrics.watch_total("takeovers", "How often this engine began to lead", lambda: engine.takeovers)
    metrics.watch_total("commands", "Commands of gateways", lambda: counts["commands"])
    metrics.watch_total("commands_late", "Commands that came after their deadline", lambda: counts["late"])
    metrics.watch_total("commands_failed", "Commands that this engine failed at", lambda: counts["failed"])
    metrics.watch_total("commands_malformed", "Messages that are no commands", lambda: counts["malformed"])


def _lag(engine: Shown) -> int:
    return 0 if engine.standby is None else engine.standby.lag


def _refuses(engine: Shown) -> bool:
    return engine.leading is not None and engine.leading.log.problem is not None


def _pending_bytes(engine: Shown) -> int:
    return 0 if engine.leading is None else engine.leading.log.pending_bytes
