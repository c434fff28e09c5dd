"""An engine that stands by: it follows the log, hot, and finds out when nobody leads."""

import asyncio
from contextlib import suppress

from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.envelope import Stored
from finalex.log.jetstream.stream import End, LogStream, StreamAwayError
from finalex.log.jetstream.tail import LogTail
from finalex.log.port import LogDamagedError, LogError
from finalex.model.events import Batch, Credited, Debited

LOOK_INTERVAL_S = 0.02
"""How often a standby looks whether the log has fallen silent."""

_BOOKINGS = (Credited, Debited)
"""The events that belong to no symbol."""


class UnknownMarketError(LogError):
    """The log has events of a market that this engine does not know."""


class LogLostError(LogError):
    """The log ends before the state that it once made."""


class Standby:
    """Brings `state`, which is that after the batch `sequence`, on with everything that is stored.

    `run` goes on all the time, `vacancy` beside it. Nobody else may change the state meanwhile. `time_ms` is the time
    of the last batch that came, 0 before the first.
    """

    def __init__(self, stream: LogStream, state: ExchangeState, sequence: int) -> None:
        self.state = state
        self.sequence = sequence
        self.time_ms = 0
        self._stream = stream
        self._known = sequence
        self._tail: LogTail | None = None
        self._left = asyncio.Event()

    @property
    def following(self) -> bool:
        """Whether the state is, but for what is on its way, that of the log's end."""
        return self._tail is not None and self.lag == 0

    @property
    def lag(self) -> int:
        """How many batches the log is known to have that the state has not."""
        return max(0, self._known - self.sequence)

    async def run(self) -> None:
        """Follow until cancelled.

        Raises `LogDamagedError`, `LogTrimmedError`, `LogError` if a newer release writes the log, `LogLostError`,
        `UnknownMarketError`, and `StreamAwayError` if JetStream is away at the beginning.
        """
        end = await self._stream.end()
        if end.sequence < self.sequence:
            raise LogLostError(
                f"The newest snapshot is of batch {self.sequence}, but the log on JetStream ends at batch "
                f"{end.sequence}: the log, or its end, is lost. Put back the log that belongs to these snapshots."
            )
        self._known = end.sequence
        after = await self._stream.place(self.sequence)
        if end.sequence == self.sequence and (end.leaving or not end.stream_sequence):
            self._left.set()
        self._tail = LogTail(self._stream, after, self.sequence, self._follow)
        await self._tail.run()

    async def vacancy(self, silence_ms: float) -> End:
        """Wait until nobody leads, as far as can be told, and return the log's end: exactly there is the state.

        Nobody leads when the log is empty, when its last writer left, and when it was silent for `silence_ms`.
        """
        while True:
            if self._is_vacant(silence_ms):
                with suppress(StreamAwayError):
                    end = await self._stream.end()
                    self._known = max(self._known, end.sequence)
                    if end.sequence == self.sequence and self._is_vacant(silence_ms):
                        return end  # nothing came while the end was asked for
                await asyncio.sleep(LOOK_INTERVAL_S)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_INTERVAL_S):
                        await self._left.wait()

    def _is_vacant(self, silence_ms: float) -> bool:
        if self._tail is None or not self._stream.client.is_connected:
            return False
        return self._left.is_set() or self._tail.silent_ms >= silence_ms

    def _follow(self, stored: Stored) -> None:
        for batch in stored.batches:
            apply_batch(self.state, batch)
            self.sequence, self.time_ms = batch.sequence, batch.time_ms
        self._known = max(self._known, self.sequence)
        if stored.leaving:
            self._left.set()
        else:
            self._left.clear()


def apply_batch(state: ExchangeState, batch: Batch) -> None:
    """Apply the next batch; raises `UnknownMarketError`, and `LogDamagedError` for what cannot follow."""
    for event in batch.events:
        if not isinstance(event, _BOOKINGS) and event.symbol not in state.instruments:
            raise UnknownMarketError(
                f"Batch {batch.sequence} of the log has events of {event.symbol}, a market that is not configured "
                "here: configure it, and start again."
            )
        try:
            state.apply(event)
        except (LookupError, ValueError) as error:
            raise LogDamagedError(
                f"The log is damaged: batch {batch.sequence} cannot follow from what is before it ({error}).",
                batch.sequence,
            ) from error
