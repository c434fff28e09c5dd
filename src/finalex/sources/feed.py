"""Feeds: what recorded markets say, turned into events."""

from collections.abc import Callable, Iterable
from functools import partial

from finalex.model.events import AnyEvent
from finalex.model.instruments import Instrument, Instruments
from finalex.sources.booksync import BookSync
from finalex.sources.messages import DepthUpdate, Hole, Message, Snapshot, Stale, Trade, market_of
from finalex.sources.recordings import Fault, Recording
from finalex.sources.reports import Problem, Report
from finalex.sources.tracks import Cue, Opened
from finalex.sources.tradesync import TradeSync

SymbolReport = Callable[[str, Problem, str], None]
"""Called with the symbols that a problem concerns, what it is, and a sentence."""


class Feed:
    """The book and the trades of one symbol."""

    def __init__(self, instrument: Instrument, report: Report) -> None:
        self.book = BookSync(instrument, report)
        self.trades = TradeSync(instrument, report)

    def take(self, message: Message, cue: Cue, over_ms: int) -> list[AnyEvent]:
        """Return what a message of this symbol makes happen; nothing is raised."""
        match message:
            case DepthUpdate():
                return self.book.take_update(message, message.time_ms + cue.move_ms)
            case Trade():
                return self.trades.take_trade(message, message.traded_ms + cue.move_ms, over_ms)
            case Snapshot():
                time_ms = message.traded_ms or message.event_ms
                return self.book.take_snapshot(message, time_ms + cue.move_ms if time_ms else cue.clock_ms)
            case Stale():
                time_ms = message.event_ms + cue.move_ms if message.event_ms else cue.clock_ms
                return self.book.withdraw("the recorded exchange had no book", time_ms)
            case _:
                return []


class Feeds:
    """The feeds of everything that recordings are about, by symbol."""

    def __init__(self, recordings: Iterable[Recording], instruments: Instruments, report: SymbolReport) -> None:
        symbols = dict.fromkeys(symbol for recording in recordings for symbol in recording.symbols)
        self.by_symbol = {symbol: Feed(instruments[symbol], partial(report, symbol)) for symbol in symbols}
        self._report = report

    def take(self, cue: Cue, over_ms: int) -> list[AnyEvent]:
        """Return what the next line makes happen, when everything up to `over_ms` is over; nothing is raised."""
        content = cue.content
        if isinstance(content, Opened):
            return [] if content.continues else self._restart(cue)
        if isinstance(content, Fault):
            self._report(_named(cue.recording), Problem.UNREADABLE, content.reason)
            return self._withdraw(cue, Problem.UNREADABLE) if content.book else []
        if isinstance(content, Hole):
            return self._break(cue, content)
        market = market_of(content)
        if market is None or market in cue.recording.others:
            return []
        symbol = cue.recording.symbol_of(market)
        if symbol is None:
            self._report(_named(cue.recording), Problem.FOREIGN, f"a message of {market}"[:200])
            return []
        return self.by_symbol[symbol].take(content, cue, over_ms)

    def _restart(self, cue: Cue) -> list[AnyEvent]:
        for symbol in cue.recording.symbols:
            self.by_symbol[symbol].trades.restart()
        return self._withdraw(cue, "another recording begins")

    def _break(self, cue: Cue, hole: Hole) -> list[AnyEvent]:
        events = self._withdraw(cue, Problem.HOLE)
        if events:
            self._report(_named(cue.recording), Problem.HOLE, hole.reason)
        return events

    def _withdraw(self, cue: Cue, reason: str) -> list[AnyEvent]:
        feeds = [self.by_symbol[symbol] for symbol in cue.recording.symbols]
        return [event for feed in feeds for event in feed.book.withdraw(reason, cue.clock_ms)]


def _named(recording: Recording) -> str:
    return ", ".join(recording.symbols)
