"""What is kept on disk: what a start says, and what the metrics show of the log."""

import asyncio
from pathlib import Path

import pytest

from finalex.log.limits import SqliteLimits
from finalex.metrics import Metrics
from finalex.model.events import Batch
from finalex.persistence import PROGRESS_INTERVAL_S, Kept, RestoreProgress, keep_on_disk
from finalex.recovery import Replayed
from finalex.snapshotting import SnapshotJob
from snapshots.logs import INSTRUMENTS, known, written


def keep(directory: Path) -> Kept:
    job = SnapshotJob(
        data_dir=str(directory),
        until=0,
        instruments=list(INSTRUMENTS.values()),
        ticker_interval_ms=70,
        kline_interval_ms=90,
    )
    call_soon = asyncio.get_running_loop().call_soon_threadsafe
    return keep_on_disk(job, call_soon, now_ms=0, limits=SqliteLimits(), open_orders_max=500, interval_ms=60_000)


def value(metrics: Metrics, name: str) -> float:
    (found,) = (line.split()[1] for line in metrics.text().decode().splitlines() if line.startswith(f"{name} "))
    return float(found)


async def test_the_metrics_show_how_the_log_does(tmp_path: Path) -> None:
    kept, metrics = keep(tmp_path), Metrics()
    kept.watch(metrics)
    assert value(metrics, "finalex_log_refuses") == 0

    def follow(batch: Batch) -> None:
        kept.hub.apply(batch, ())

    kept.log.follow(follow)
    batches = known(written([bytes([n] * 8) for n in range(60)]))
    stored = [kept.log.append(batch.events, batch.time_ms) for batch in batches if batch.events]
    kept.close()
    assert value(metrics, "finalex_log_sequence") == stored[-1].sequence
    assert value(metrics, "finalex_log_batches_total") >= len(stored)
    assert 1 <= value(metrics, "finalex_log_groups_total") <= len(stored)
    assert value(metrics, "finalex_log_bytes_total") > 0
    assert value(metrics, "finalex_log_write_seconds_total") > 0
    assert value(metrics, "finalex_log_pending_bytes") == 0
    assert value(metrics, "finalex_log_failures_total") == 0
    assert value(metrics, "finalex_snapshot_sequence") == kept.hub.sequence
    assert value(metrics, "finalex_log_refuses") == 1  # it is closed


def test_a_long_start_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 100.0
    progress = RestoreProgress(9000, lambda: now_s)
    progress.say(Replayed(1000, 5, 1000, 1500))
    now_s += PROGRESS_INTERVAL_S
    progress.say(Replayed(2000, 6, 2000, 3000))
    progress.say(Replayed(3000, 7, 3000, 4500))
    said = capsys.readouterr().out
    assert said.count("state_restoring") == 1
    assert all(part in said for part in ("sequence", "2000", "end", "9000", "events", "3000"))
