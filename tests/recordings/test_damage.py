"""Recordings that were damaged: what is wrong is noticed, and the book is right again or not there."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from finalex.channels.hub import Hub
from finalex.model.events import Batch, BookReset, BookWithdrawn, LevelsChanged
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.messages import BookSnapshotData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream
from finalex.sources.recorded import RecordedMarkets
from finalex.sources.reports import Problem
from support.recordings import recording
from support.replays import FUTURES_BTC, SPOT_BTC, replay

SYMBOL = "BTC/USDT"


class Book:
    """The book that a hub shows, and the book's events."""

    def __init__(self) -> None:
        self.kinds: list[type] = []
        self.at_ids: dict[int, BookSnapshotData] = {}
        self._hub = Hub(DEFAULT_INSTRUMENTS)

    def follow(self, reel: RecordedMarkets, batch: Batch) -> None:
        self._hub.apply(batch, ())
        kinds = [type(event) for event in batch.events if isinstance(event, BookReset | BookWithdrawn | LevelsChanged)]
        self.kinds += kinds
        update_id = reel.feeds.by_symbol[SYMBOL].book.update_id
        if kinds and update_id is not None and len(self.kinds) % 100 == 0:
            self.at_ids[update_id] = self.shown()

    def shown(self) -> BookSnapshotData:
        (publication,) = self._hub.opening(Stream("orderbook", SYMBOL, depth=1000), Subscription("orderbook"))
        assert isinstance(publication.data, BookSnapshotData)
        return publication.data


def levels(data: BookSnapshotData, depth: int = 1000) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    return data.bids[:depth], data.asks[:depth]


def read(name: str) -> list[bytes]:
    return gzip.decompress(recording(name).read_bytes()).splitlines(keepends=True)


def write(path: Path, lines: Sequence[bytes]) -> str:
    path.write_bytes(gzip.compress(b"".join(lines), compresslevel=1))
    return str(path)


def depth_lines(lines: Sequence[bytes]) -> list[int]:
    """Return the places of the depth updates."""
    return [place for place, line in enumerate(lines) if b"@depth" in line]


@pytest.mark.parametrize("names", [SPOT_BTC, FUTURES_BTC], ids=["spot", "futures"])
def test_after_a_lost_update_the_book_is_away_until_a_snapshot_and_then_right(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    whole = Book()
    replay(names[:1], whole.follow)
    lines = read(names[0])
    update_id, data = sorted(whole.at_ids.items())[len(whole.at_ids) // 2]
    (place,) = (p for p in depth_lines(lines) if f'"u":{update_id},'.encode() in lines[p])
    receive_ns = lines[place].split(b" ")[0].decode()
    body = {"lastUpdateId": update_id, "bids": data.bids, "asks": data.asks}
    lines.insert(place + 20, f"{receive_ns} {json.dumps(body)}\n".encode())
    del lines[depth_lines(lines)[200]]

    damaged = Book()
    source = replay([write(tmp_path / "damaged.gz", lines)], damaged.follow)

    assert [kind for kind in damaged.kinds if kind is not LevelsChanged] == [BookReset, BookWithdrawn, BookReset]
    assert source.counts()["gap"] == 1
    assert levels(damaged.shown(), 50) == levels(whole.shown(), 50)


GARBAGE = {"torn": b"", "bytes": b"\xff" * 40 + b"\n", "json": b"{}\n", "huge": b"9" * 2_000_000 + b"\n"}


@pytest.mark.parametrize("problem", GARBAGE.values(), ids=GARBAGE)
def test_a_torn_update_withdraws_the_book(problem: bytes, tmp_path: Path) -> None:
    lines = read(FUTURES_BTC[0])
    place = depth_lines(lines)[300]
    lines[place] = problem or lines[place][:100] + b"\n"
    damaged = Book()
    source = replay([write(tmp_path / "damaged.gz", lines)], damaged.follow)
    assert damaged.kinds[-1] is BookWithdrawn
    assert damaged.kinds.count(BookReset) == 1
    assert damaged.shown().stale is True
    assert source.counts()["unreadable"] == 1


def test_a_file_that_was_cut_off_is_noticed_and_the_next_one_does_not_go_on_from_it(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    content = recording(FUTURES_BTC[0]).read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    damaged = Book()
    source = replay([str(cut), FUTURES_BTC[1]], damaged.follow)
    assert damaged.kinds[-1] is BookWithdrawn
    assert source.counts()["unreadable"] == 1
    assert source.problems[Problem.GAP] == 1, "the trades that were cut off"
    assert damaged.shown().stale is True
