"""The log as a gateway follows it: into its view, to its venue, and with an eye on whether that is all there is."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from finalex.cluster.leadership import SILENT_MS_MAX, Leadership
from finalex.ending import end_tasks
from finalex.log.jetstream.envelope import Stored
from finalex.log.jetstream.stream import End, LogStream, StreamAwayError
from finalex.log.jetstream.tail import LogTail
from finalex.log.port import LogError
from finalex.metrics import Metrics
from finalex.model.events import Batch

LOOKED_APART_S = 0.5
"""How often a gateway makes sure that it has all there is."""

BEHIND_MS_MAX = 5000
"""A view older than this, or of which nobody knows for so long whether it is the newest, is not shown to newcomers."""


class Watcher(Protocol):
    """Who wants to know of the log besides the view."""

    def settle(self) -> None:
        """Another writer's first record is next."""
        ...

    def observe(self, batch: Batch) -> None:
        """This batch is next."""
        ...

    def advance(self, sequence: int) -> None:
        """The view has this batch."""
        ...


class LogLostError(LogError):
    """The log ends before what a snapshot has."""


class FollowedLog:
    """Gives every stored batch to `apply`, which may be exchanged, and tells `watcher`.

    `caught_up` is set once everything was applied that was stored when `run` began, if there was anything at all.
    """

    def __init__(
        self,
        stream: LogStream,
        place: tuple[int, int],
        apply: Callable[[Batch], None],
        now_ms: Callable[[], int],
    ) -> None:
        """`place` is the sequence and the time of the last batch that the view has."""
        self.sequence, self.time_ms = place
        self.apply = apply
        self.watcher: Watcher | None = None
        self.caught_up = asyncio.Event()
        self.leadership = Leadership(self.silent_ms, lambda: stream.client.is_connected)
        self._stream = stream
        self._now_ms = now_ms
        self._tail: LogTail | None = None
        self._end = End()
        self._current_s = time.monotonic()

    def watch(self, metrics: Metrics) -> None:
        """Show in `metrics` how far the view is."""
        metrics.watch("log_sequence", "The last batch of the log", lambda: self.sequence)
        metrics.watch("log_lag_milliseconds", "How old the last batch is that the view has", lambda: self.lag_ms)
        metrics.watch(
            "log_lag_batches",
            "Batches that the log is known to have and the view has not",
            lambda: self.end - self.sequence,
        )
        metrics.watch(
            "leaderless",
            "1 while no engine leads, as far as this process can tell, and orders are refused",
            lambda: self.leadership.leader is None,
        )

    @property
    def end(self) -> int:
        """The last batch that the log is known to have."""
        return max(self._end.sequence, self.sequence)

    @property
    def lag_ms(self) -> int:
        """How old the last batch is, by the wall clock."""
        return max(0, self._now_ms() - self.time_ms)

    def silent_ms(self) -> float:
        """Return how long ago the last record came."""
        return self._tail.silent_ms if self._tail is not None else float("inf")

    @property
    def current(self) -> bool:
        """Whether the view was known to be the newest a moment ago."""
        return self.caught_up.is_set() and (time.monotonic() - self._current_s) * 1000 < BEHIND_MS_MAX

    async def run(self) -> None:
        """Follow until cancelled.

        Raises `LogLostError`, `LogTrimmedError`, `LogDamagedError`, `LogError` if a newer release writes the log, and
        what `apply` raises.
        """
        self._end = await self._patient_end()
        if self._end.sequence < self.sequence:
            raise LogLostError(
                f"The newest snapshot is of batch {self.sequence}, but the log on JetStream ends at batch "
                f"{self._end.sequence}: the log, or its end, is lost. Put back the log that belongs to these snapshots."
            )
        place = await self._patient_place()
        self.leadership.note(self._end.writer, leaving=self._end.leaving)
        self._tail = LogTail(self._stream, place, self.sequence, self._follow)
        self._catch_up()
        looking = asyncio.create_task(self._look())
        try:
            await self._tail.run()
        finally:
            await end_tasks(looking)

    def _follow(self, stored: Stored) -> None:
        if self.leadership.note(stored.writer, leaving=stored.leaving) and self.watcher is not None:
            self.watcher.settle()
        for batch in stored.batches:
            if self.watcher is not None:
                self.watcher.observe(batch)
            self.apply(batch)
            self.sequence, self.time_ms = batch.sequence, batch.time_ms
            if self.watcher is not None:
                self.watcher.advance(batch.sequence)
        if self.lag_ms < BEHIND_MS_MAX:
            self._current_s = time.monotonic()
        self._catch_up()

    def _catch_up(self) -> None:
        if self.sequence >= max(1, self._end.sequence):
            self.caught_up.set()

    async def _look(self) -> None:
        """While the log is silent, ask its leader whether that is all: nobody may lead, or nobody may reach us."""
        while True:
            await asyncio.sleep(LOOKED_APART_S)
            if self.silent_ms() < SILENT_MS_MAX and self.lag_ms < BEHIND_MS_MAX:
                continue
            try:
                self._end = await self._stream.end()
            except LogError:
                continue  # away, or damaged: the tail finds that out by itself
            if self._end.sequence <= self.sequence:
                self._current_s = time.monotonic()

    async def _patient_end(self) -> End:
        while True:
            try:
                return await self._stream.end()
            except StreamAwayError:
                await asyncio.sleep(LOOKED_APART_S)

    async def _patient_place(self) -> int:
        while True:
            try:
                return await self._stream.place(self.sequence)
            except StreamAwayError:
                await asyncio.sleep(LOOKED_APART_S)
