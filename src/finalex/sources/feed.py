"""The feed of one symbol: what a recorded or upstream market says, turned into events."""

from finalex.model.events import AnyEvent
from finalex.model.instruments import Instrument
from finalex.sources.binance import DepthUpdate, Snapshot, Trade
from finalex.sources.booksync import BookSync
from finalex.sources.recordings import Fault
from finalex.sources.reports import Problem, Report
from finalex.sources.tracks import Cue, Opened
from finalex.sources.tradesync import TradeSync

ALLOWED_LATENESS_MS = 1_000
"""The log's clock is so far behind the exchange's, so that late messages of a minute come before it closes.

Measured as the exchange's clock so far minus a trade's time: at most 214 ms for spot, 43 ms for USD-M futures.
"""


class Feed:
    """The book and the trades of one symbol."""

    def __init__(self, instrument: Instrument, report: Report) -> None:
        self.book = BookSync(instrument, report)
        self.trades = TradeSync(instrument, report)
        self._report = report

    def take(self, cue: Cue) -> list[AnyEvent]:
        """Return what the next line of this symbol makes happen; nothing is raised."""
        content = cue.content
        if isinstance(content, Snapshot):
            time_ms = content.traded_ms or content.event_ms
            return self.book.take_snapshot(content, time_ms + cue.move_ms if time_ms else cue.clock_ms)
        if isinstance(content, Opened):
            return self._open(content, cue.clock_ms)
        if isinstance(content, Fault):
            self._report(Problem.UNREADABLE, content.reason)
            return self.book.withdraw(Problem.UNREADABLE, cue.clock_ms) if content.book else []
        if isinstance(content, DepthUpdate | Trade) and content.symbol != cue.recording.market:
            self._report(Problem.FOREIGN, f"a message of {content.symbol}")
            return []
        if isinstance(content, DepthUpdate):
            return self.book.take_update(content, content.time_ms + cue.move_ms)
        if isinstance(content, Trade):
            return self.trades.take_trade(content, content.traded_ms + cue.move_ms, watermark_ms(cue))
        return []

    def _open(self, opened: Opened, clock_ms: int) -> list[AnyEvent]:
        if opened.continues:
            return []
        self.trades.restart()
        return self.book.withdraw("another recording begins", clock_ms)


def watermark_ms(cue: Cue) -> int:
    """Return the time up to which everything has come when `cue` is played."""
    return cue.clock_ms - ALLOWED_LATENESS_MS
