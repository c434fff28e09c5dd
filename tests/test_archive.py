"""The archive knows of the past what the older snapshot says."""

from pathlib import Path

import pytest

from finalex.archive import Beginning, NoArchive, SnapshotArchive
from finalex.channels.hub import Hub
from finalex.channels.past import Past
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.snapshots.folder import SnapshotFolder
from finalex.snapshots.snapshot import take_snapshot
from support.archive import past_of
from support.resuming import market, place, trade


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots")


def kept(folder: SnapshotFolder, hub: Hub, user: str) -> Past:
    """Write a snapshot and return what it knows of a user."""
    folder.write(take_snapshot(hub))
    return past_of(hub.save(), user)


async def test_it_knows_the_places_of_the_markets_and_of_one_account(folder: SnapshotFolder) -> None:
    house = market()
    trade(house, 3)
    place(house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    known = {user: kept(folder, house.desk.hub, user) for user in ("alice", "bob", "carol", "")}
    archive = SnapshotArchive(folder)
    for user, past in known.items():
        assert await archive.past(user) == past
    assert known["alice"].trades == {"BTC/USDT": 3}
    assert [order.price for order in known["alice"].orders] == [90_00]
    assert (known["alice"].number, known["carol"].number) == (20, 0)


async def test_the_older_snapshot_counts_for_as_long_as_it_is_there(folder: SnapshotFolder) -> None:
    house, archive = market(), SnapshotArchive(folder)
    pasts = []
    for _ in range(3):
        trade(house)
        pasts.append(kept(folder, house.desk.hub, ""))
        assert await archive.past("") == pasts[max(0, len(pasts) - 2)]
        assert await archive.past("") == pasts[max(0, len(pasts) - 2)]


async def test_what_one_asked_of_an_account_is_not_told_to_others(folder: SnapshotFolder) -> None:
    house, archive = market(), SnapshotArchive(folder)
    place(house, "alice", Side.BUY, "BTC/USDT", 1, 90)
    kept(folder, house.desk.hub, "alice")
    assert (await archive.past("alice") or Past()).orders
    public = await archive.past("")
    assert public is not None
    assert (list(public.orders), public.number) == ([], 0)


async def test_a_damaged_one_is_passed_over(folder: SnapshotFolder) -> None:
    house = market()
    trade(house)
    kept(folder, house.desk.hub, "")
    house.execute(CancelAllOrders(user="alice"))
    trade(house)
    newer = kept(folder, house.desk.hub, "")
    (older,) = sorted(folder.path.iterdir(), key=lambda path: int(path.stem))[:1]
    older.write_bytes(older.read_bytes()[:-1])
    assert await SnapshotArchive(folder).past("") == newer


async def test_without_snapshots_the_log_tells_from_its_beginning(folder: SnapshotFolder) -> None:
    assert await SnapshotArchive(folder).past("alice") == await Beginning().past("alice") == Past()


async def test_a_log_that_begins_in_the_middle_has_no_past() -> None:
    assert await NoArchive().past("alice") is None
