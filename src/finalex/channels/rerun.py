"""The rerun: what somebody missed, published again from the log.

It needs no views of the whole market: a trade is a message as it is, and what becomes of an account's orders follows
from the events that name it. So a rerun starts from a few facts about one place in the log, and looks closely at few
events. The messages are made by the channels themselves.
"""

from collections.abc import Sequence

from finalex.channels.channel import Turn
from finalex.channels.own_rerun import OwnRerun
from finalex.channels.past import NO_MEMORY, HoleError, Past
from finalex.channels.places import TradePlace
from finalex.channels.resumable import Want
from finalex.channels.trades import TradesChannel
from finalex.model.events import Batch, Traded
from finalex.model.instruments import Instruments
from finalex.protocol.messages import Publication


class Rerun:
    """Publishes what `wants` ask for, all within `past`, given the batches after it in order.

    There is one want for a stream at most, and the private ones are of one account. Publications name only the
    streams that they are wanted for. Within a stream the order is that of the log.
    """

    def __init__(self, instruments: Instruments, past: Past, wants: Sequence[Want]) -> None:
        private = [want for want in wants if want.stream.private]
        self._tapes = _Tapes(instruments, [want for want in wants if not want.stream.private])
        self._account = OwnRerun(instruments, past, private) if private else None

    @property
    def done(self) -> bool:
        """Whether later batches say nothing more."""
        return self._tapes.done and (self._account is None or self._account.done)

    def apply(self, batch: Batch) -> list[Publication]:
        """Take in the next batch and return what it publishes again; raises `HoleError`."""
        return self._tapes.apply(batch) + (self._account.apply(batch) if self._account else [])

    def finish(self) -> list[Publication]:
        """Return what is left after the last batch; raises `HoleError` if something must be missing."""
        if not self._tapes.done:
            raise HoleError("trades are missing at the end of the log")
        return self._account.finish() if self._account else []


class _Tapes:
    """The trades of some symbols: for each that is not told yet, the numbers of the last one told and of the last."""

    def __init__(self, instruments: Instruments, wants: Sequence[Want]) -> None:
        self._publish = TradesChannel(instruments, NO_MEMORY).handlers()[Traded]
        self._wanted = frozenset(want.stream for want in wants)
        self._told = {want.stream.symbol: want.after.trade for want in wants if isinstance(want.after, TradePlace)}
        self._last = {want.stream.symbol: want.number for want in wants}
        self._forget_told()

    @property
    def done(self) -> bool:
        """Whether all that is wanted has been told."""
        return not self._told

    def apply(self, batch: Batch) -> list[Publication]:
        """Return the trades in `batch` that are wanted."""
        turn = Turn(batch.sequence, batch.time_ms, self._wanted)
        for event in batch.events:
            if isinstance(event, Traded) and event.symbol in self._told:
                self._take(turn, event)
        return turn.publications

    def _take(self, turn: Turn, trade: Traded) -> None:
        told = self._told[trade.symbol]
        if trade.trade <= told:
            return
        if trade.trade != told + 1:
            raise HoleError(f"trade {told + 1} of {trade.symbol} is missing")
        self._publish(turn, trade)
        self._told[trade.symbol] = trade.trade
        self._forget_told()

    def _forget_told(self) -> None:
        self._told = {symbol: told for symbol, told in self._told.items() if told < self._last[symbol]}
