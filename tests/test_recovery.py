"""Recovery: whatever is left of snapshots and log, the state is what the log adds up to, or nothing starts."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.venue import bitcoin
from finalex.channels.hub import Hub
from finalex.exchange.engine import Engine
from finalex.log.port import LogDamagedError
from finalex.model.commands import Credit
from finalex.model.events import Batch, OrderEnded
from finalex.model.instruments import Instruments
from finalex.model.orders import EndReason, Side
from finalex.recovery import PROGRESS_BATCHES, RecoveryError, Replayed, recover, replay
from finalex.snapshots.encoding import encode_snapshot
from finalex.snapshots.folder import SnapshotFolder
from finalex.snapshots.snapshot import take_snapshot
from finalex.testing import FailingLog
from snapshots.logs import INSTRUMENTS, Writer, known, steps, written


def random_log(count: int, seed: int = 6) -> list[Batch]:
    random = Random(seed)
    return known(written([random.randbytes(8) for _ in range(count)]))


BATCHES = random_log(60)


def new_hub() -> Hub:
    return Hub(INSTRUMENTS)


def replayed(batches: list[Batch]) -> Hub:
    hub = new_hub()
    replay(hub, batches)
    return hub


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path)


def save(folder: SnapshotFolder, batches: list[Batch]) -> None:
    folder.write(take_snapshot(replayed(batches)))


def damage(folder: SnapshotFolder, sequence: int) -> None:
    path = folder.path / f"{sequence}.snapshot"
    path.write_bytes(path.read_bytes()[:-1])


def content(hub: Hub) -> bytes:
    return encode_snapshot(take_snapshot(hub))


def test_nothing_is_stored_yet(folder: SnapshotFolder) -> None:
    recovered = recover(folder, FailingLog(), new_hub)
    assert (recovered.snapshot, recovered.problems, recovered.replayed) == (None, [], Replayed(0, 0, 0, 0))
    assert content(recovered.hub) == content(new_hub())
    assert recovered.engine_state.state_hash() == new_hub().state.state_hash()


def test_without_a_snapshot_the_whole_log_is_replayed(folder: SnapshotFolder) -> None:
    recovered = recover(folder, FailingLog(BATCHES), new_hub)
    events = sum(len(batch.events) for batch in BATCHES)
    last = BATCHES[-1]
    assert recovered.replayed == Replayed(last.sequence, last.time_ms, len(BATCHES), events)
    assert content(recovered.hub) == content(replayed(BATCHES))


def test_with_a_snapshot_only_what_comes_after_it_is(folder: SnapshotFolder) -> None:
    for cut in (20, 40, 50):
        save(folder, BATCHES[:cut])
    log = FailingLog(BATCHES)
    log.trim(BATCHES[39].sequence)
    recovered = recover(folder, log, new_hub)
    assert (recovered.snapshot, recovered.problems) == (BATCHES[49].sequence, [])
    assert recovered.replayed.batches == len(BATCHES) - 50
    assert content(recovered.hub) == content(replayed(BATCHES))


@given(steps, st.data())
@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
def test_any_snapshot_and_its_tail_are_the_whole_log(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[bytes], data: st.DataObject
) -> None:
    folder, batches = SnapshotFolder(tmp_path_factory.mktemp("snapshots")), known(written(drawn))
    for cut in sorted(data.draw(st.sets(st.integers(0, len(batches)), max_size=3))):
        save(folder, batches[:cut])
    recovered = recover(folder, FailingLog(batches), new_hub)
    assert content(recovered.hub) == content(replayed(batches))
    assert recovered.engine_state.state_hash() == recovered.hub.state.state_hash()


def test_the_engine_has_a_state_of_its_own(folder: SnapshotFolder) -> None:
    recovered = recover(folder, FailingLog(BATCHES), new_hub, open_orders_max=3)
    before = recovered.hub.state.state_hash()
    assert recovered.engine_state.state_hash() == before
    assert recovered.engine_state.open_orders_max == 3
    Engine(recovered.engine_state).execute(Credit(user="ann", currency="BTC", amount=1, reference="new"), 1)
    assert recovered.engine_state.state_hash() != before
    assert recovered.hub.state.state_hash() == before


def test_a_damaged_snapshot_falls_back_to_the_older_one(folder: SnapshotFolder) -> None:
    for cut in (20, 40):
        save(folder, BATCHES[:cut])
    damage(folder, BATCHES[39].sequence)
    recovered = recover(folder, FailingLog(BATCHES), new_hub)
    assert recovered.snapshot == BATCHES[19].sequence
    assert recovered.problems == [
        f"The snapshot '{folder.path}/{BATCHES[39].sequence}.snapshot' cannot be used: its checksum is wrong."
    ]
    assert content(recovered.hub) == content(replayed(BATCHES))


def test_without_a_good_snapshot_the_log_is_enough_if_it_has_its_beginning(folder: SnapshotFolder) -> None:
    save(folder, BATCHES[:20])
    damage(folder, BATCHES[19].sequence)
    recovered = recover(folder, FailingLog(BATCHES), new_hub)
    assert recovered.snapshot is None
    assert len(recovered.problems) == 1
    assert content(recovered.hub) == content(replayed(BATCHES))


def test_without_a_good_snapshot_and_the_logs_beginning_nothing_starts(folder: SnapshotFolder) -> None:
    for cut in (20, 40):
        save(folder, BATCHES[:cut])
    for sequence in folder.sequences():
        damage(folder, sequence)
    log = FailingLog(BATCHES)
    log.trim(BATCHES[10].sequence)
    with pytest.raises(RecoveryError) as raised:
        recover(folder, log, new_hub)
    text = str(raised.value)
    assert text.startswith(
        "The state cannot be restored without a good snapshot, because the log has lost its beginning"
    )
    assert f"Batches up to {BATCHES[10].sequence} are no longer kept." in text
    assert text.count("its checksum is wrong") == 2


def test_a_snapshot_ahead_of_the_log_means_that_the_log_has_lost_its_end(folder: SnapshotFolder) -> None:
    save(folder, BATCHES[:40])
    with pytest.raises(RecoveryError, match=f"is of batch {BATCHES[39].sequence}, but the log ends at batch 9"):
        recover(folder, FailingLog(BATCHES[:9]), new_hub)


def test_a_snapshot_at_the_very_end_of_the_log_needs_no_tail(folder: SnapshotFolder) -> None:
    save(folder, BATCHES)
    recovered = recover(folder, FailingLog(BATCHES), new_hub)
    assert recovered.replayed == Replayed(BATCHES[-1].sequence, BATCHES[-1].time_ms, 0, 0)


def test_a_damaged_log_starts_nothing(folder: SnapshotFolder) -> None:
    log = FailingLog(BATCHES)
    log.fail_reads(LogDamagedError("The log is damaged at batch 3.", 3))
    with pytest.raises(LogDamagedError, match="damaged at batch 3"):
        recover(folder, log, new_hub)


def test_batches_that_do_not_ascend_are_damage(folder: SnapshotFolder) -> None:
    with pytest.raises(RecoveryError, match="batch 2 comes after batch 2"):
        recover(folder, FailingLog([*BATCHES[:2], *BATCHES[1:3]]), new_hub)


def test_events_that_cannot_follow_are_damage(folder: SnapshotFolder) -> None:
    unheard_of = OrderEnded(
        order=10**6,
        user="ann",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=1,
        quantity=1,
        rested=True,
        reason=EndReason.CANCELED,
        time_ms=1,
    )
    batch = Batch(sequence=BATCHES[-1].sequence + 1, time_ms=BATCHES[-1].time_ms, events=(unheard_of,))
    with pytest.raises(RecoveryError, match=f"batch {batch.sequence} cannot follow from what is before it"):
        recover(folder, FailingLog([*BATCHES, batch]), new_hub)


def test_a_log_with_markets_that_are_not_configured_starts_nothing(folder: SnapshotFolder) -> None:
    fewer = Instruments(list(INSTRUMENTS.values())[:-1])
    with pytest.raises(RecoveryError, match=r"a market that is not configured \(ETH/EUR\): configure it again"):
        recover(folder, FailingLog(BATCHES), lambda: Hub(fewer))


def test_instruments_that_do_not_go_with_the_snapshot_start_nothing(folder: SnapshotFolder) -> None:
    for cut in (20, 40):
        save(folder, BATCHES[:cut])
    other = msgspec.structs.replace(bitcoin(), price_decimals=3)
    instruments = Instruments([other, *list(INSTRUMENTS.values())[1:]])
    with pytest.raises(RecoveryError, match="BTC/USDT has price_decimals 3 in the configuration, but 2"):
        recover(folder, FailingLog(BATCHES), lambda: Hub(instruments))


def test_a_folder_that_cannot_be_read_starts_nothing(folder: SnapshotFolder) -> None:
    path = folder.path / "a file"
    path.touch()
    with pytest.raises(RecoveryError, match=f"The snapshots in '{path}' cannot be listed: Not a directory"):
        recover(SnapshotFolder(path), FailingLog(BATCHES), new_hub)


def test_progress_is_told_now_and_then_and_at_the_end(folder: SnapshotFolder) -> None:
    writer = Writer()
    for _ in range(2 * PROGRESS_BATCHES + 5):
        writer.append([])
    told: list[Replayed] = []
    recovered = recover(folder, FailingLog(writer.batches), new_hub, progress=told.append)
    assert [each.batches for each in told] == [PROGRESS_BATCHES, 2 * PROGRESS_BATCHES, len(writer.batches)]
    assert told[-1] == recovered.replayed
