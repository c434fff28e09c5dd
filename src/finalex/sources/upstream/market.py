"""One market of an upstream: its book, its trades, and how long nothing was heard of it."""

from collections.abc import Sequence

from finalex.model.events import AnyEvent
from finalex.model.instruments import Instrument
from finalex.sources.upstream.mirror import Mirror
from finalex.sources.upstream.port import MarketBook, MarketTrade
from finalex.sources.upstream.problems import Problem, Report
from finalex.sources.upstream.tape import Tape


class Market:
    """What an exchange streams of one market, as events; nothing is raised for what it streams.

    All `now_ms` are our clock's. A book of which nothing was heard for more than `silence_ms_max` is withdrawn. The
    trades are numbered from after `last_trade`.
    """

    def __init__(
        self, instrument: Instrument, now_ms: int, silence_ms_max: int, report: Report, last_trade: int = 0
    ) -> None:
        self._mirror = Mirror(instrument, report)
        self._tape = Tape(instrument, now_ms, report, last_trade)
        self._silence_ms_max = silence_ms_max
        self._report = report
        self._heard_ms = now_ms

    @property
    def live(self) -> bool:
        """Whether there is a book."""
        return self._mirror.live

    def begin(self, now_ms: int) -> AnyEvent:
        """Return the event that there is no book yet."""
        return self._mirror.withdrawn("the upstream is not reached yet", now_ms)

    def take_book(self, book: MarketBook, now_ms: int) -> list[AnyEvent]:
        """Return what the book that the exchange shows now changes."""
        self._heard_ms = now_ms
        return self._mirror.take(book, now_ms)

    def take_trades(self, trades: Sequence[MarketTrade], now_ms: int, over_ms: int) -> Sequence[AnyEvent]:
        """Return the new trades; no time is before `over_ms`."""
        return self._tape.take(trades, now_ms, over_ms)

    def lose_book(self, reason: str, now_ms: int) -> list[AnyEvent]:
        """Note that the stream of the book broke."""
        self._report(Problem.DISCONNECTED, f"the book: {reason}")
        return self._mirror.withdraw(f"the upstream is disconnected: {reason}"[:200], now_ms)

    def interrupt(self, now_ms: int) -> list[AnyEvent]:
        """Give up the book because what the exchange showed was not taken for a while."""
        return self._mirror.withdraw("nothing could be kept for a while", now_ms)

    def lose_trades(self, reason: str) -> None:
        """Note that the stream of trades broke: some may be missing, and nothing tells how many."""
        self._report(Problem.DISCONNECTED, f"the trades: {reason}")

    def listen(self, now_ms: int) -> list[AnyEvent]:
        """Withdraw the book if nothing was heard of it for too long."""
        silence_ms = now_ms - self._heard_ms
        if not self._mirror.live or silence_ms <= self._silence_ms_max:
            return []
        self._report(Problem.SILENT, f"nothing was heard of the book for {silence_ms} ms")
        return self._mirror.withdraw("the upstream is silent", now_ms)
