"""What a gateway of a cluster shows: the state that the newest snapshot and the log since make, and its past."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from finalex.archive import SnapshotArchive
from finalex.channels.hub import Hub
from finalex.cluster.followed import FollowedLog
from finalex.cluster.snapshot_reader import SnapshotReader
from finalex.config import Config
from finalex.log.jetstream.reading import LoopReader
from finalex.log.jetstream.stream import LogStream
from finalex.metrics import Metrics
from finalex.model.events import Batch
from finalex.recaller import LogRecaller
from finalex.recovery import Restored, replay, restore_newest

_log = structlog.get_logger("finalex.cluster")


class View(NamedTuple):
    """A view that follows the log; see `hosting.Viewed`."""

    hub: Hub
    recaller: LogRecaller
    log: FollowedLog

    def watch(self, metrics: Metrics) -> None:
        """See `hosting.Viewed.watch`."""
        self.log.watch(metrics)


async def restore_view(config: Config, stream: LogStream, snapshots: SnapshotReader, now_ms: Callable[[], int]) -> View:
    """Return the view as the newest good snapshot has it; the log's tail is still to follow.

    Raises `RecoveryError` if the configuration does not go with it.
    """

    def build_hub() -> Hub:
        return Hub(config.instruments, config.ticker_interval_ms, config.kline_interval_ms)

    def restore() -> Restored:
        return restore_newest(snapshots, build_hub)

    restored = await asyncio.to_thread(restore)
    for problem in restored.problems:
        _log.warning("snapshot_problem", reason=problem)
    hub = restored.hub

    def apply(batch: Batch) -> None:
        replay(hub, (batch,))

    recaller = LogRecaller(
        LoopReader(stream, asyncio.get_running_loop()), SnapshotArchive(snapshots), config.instruments
    )
    return View(hub, recaller, FollowedLog(stream, (hub.sequence, hub.time_ms), apply, now_ms))
