"""A player of made-up recordings that keeps all that the replay wrote."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from finalex.log.memory import MemoryLog
from finalex.model.events import AnyEvent, Batch, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from support.binance import snapshot, trade, update

BID, ASK = [("99", "1")], [("101", "1")]
MARKET = [
    update(1, 5, at_ms=0),
    snapshot(5, bids=BID, asks=ASK, at_ms=20),
    update(6, 7, bids=[("99", "2")], at_ms=100),
    trade(31, at_ms=120),
    trade(32, at_ms=150, sold=True),
    update(8, 9, asks=[("101", "0")], at_ms=200),
]


class Player:
    """Plays files and keeps every batch; its clock moves only by sleeping."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.slept: list[float] = []
        self.now_s = 0.0
        self.rounds_max = 3

    def source(
        self, argument: str | Path, *, speed: float | None = None, loop: bool = False, from_ms: int = 0
    ) -> ReplaySource:
        log = MemoryLog(batches_max=1)
        log.follow(self.batches.append)
        reel = open_reel(str(argument).split(","), DEFAULT_INSTRUMENTS)
        now = lambda: self.now_s  # noqa: E731 (a clock is a function)
        return ReplaySource(reel, log, speed=speed, loop=loop, from_ms=from_ms, now=now, sleep=self._sleep)

    def play(self, argument: str | Path, *, speed: float | None = None) -> ReplaySource:
        source = self.source(argument, speed=speed)
        asyncio.run(source.run())
        return source

    def events(self) -> list[AnyEvent]:
        return [event for batch in self.batches for event in batch.events]

    def trades(self) -> list[Traded]:
        return [event for event in self.events() if isinstance(event, Traded)]

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


def kinds(events: Sequence[AnyEvent]) -> list[type[AnyEvent]]:
    return [type(event) for event in events]
