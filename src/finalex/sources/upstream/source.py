"""An exchange elsewhere as a source: its markets, shown here."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog

from finalex.log.port import LogProblem
from finalex.model.commands import Command
from finalex.model.events import AnyEvent, Batch
from finalex.model.instruments import Instruments
from finalex.sources.declining import decline
from finalex.sources.port import Reply
from finalex.sources.upstream.following import Backoff, follow
from finalex.sources.upstream.market import Market
from finalex.sources.upstream.port import FeedError, MarketBook, MarketFeed, MarketTrade, UpstreamError
from finalex.sources.upstream.problems import Problem, Problems

CLOCK_INTERVAL_MS = 50
"""When nothing else has for this long, an empty batch advances the log's clock."""

ALLOWED_LATENESS_MS = 1_000
"""The log's clock is so far behind ours, so that trades which are under way at the end of a minute count in it."""

SILENCE_MS_MAX = 30_000
"""When nothing was heard of a book for longer, it is withdrawn, unless configured otherwise."""

_logger = structlog.get_logger(__name__)


class EventSink(Protocol):
    """Where an upstream's events go: what it needs of a `Log`."""

    @property
    def time_ms(self) -> int:
        """See `Log.time_ms`."""
        ...

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`."""
        ...

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        ...


class UpstreamSource:
    """Shows the markets of `feed` that are among `instruments`; it takes no orders.

    A market has a book as long as the exchange shows one that is right and says so every `silence_ms_max`; else it
    is withdrawn. The log's clock is `now_ms` less `ALLOWED_LATENESS_MS`. Problems are counted in `problems` by name.
    Trades are numbered from after the last one of each symbol in `last_trades`. What comes while the log takes no
    events is left out, and the books then begin anew.
    """

    trading = False

    def __init__(
        self,
        feed: MarketFeed,
        instruments: Instruments,
        log: EventSink,
        now_ms: Callable[[], int],
        problems: Counter[str],
        *,
        silence_ms_max: int = SILENCE_MS_MAX,
        new_backoff: Callable[[], Backoff] = Backoff,
        last_trades: Mapping[str, int] | None = None,
    ) -> None:
        self._feed = feed
        self._log = log
        self._now_ms = now_ms
        self._problems = Problems(feed.name, problems)
        self._new_backoff = new_backoff
        self._interrupted = False
        last = last_trades or {}
        self._markets = {
            symbol: Market(
                instrument, now_ms(), silence_ms_max, partial(self._problems.report, symbol), last.get(symbol, 0)
            )
            for symbol, instrument in instruments.items()
        }

    @property
    def live(self) -> dict[str, bool]:
        """Whether there is a book, by symbol."""
        return {symbol: market.live for symbol, market in self._markets.items()}

    async def run(self) -> None:
        """See `Source.run`; a real market has no end, and is waited for if it cannot be reached.

        Raises a group with an `UpstreamError` if the exchange has none of the markets.
        """
        while self._log.problem is not None:  # noqa: ASYNC110 (a log tells nobody when it is well again)
            await asyncio.sleep(CLOCK_INTERVAL_MS / 1000)
        now_ms = self._now_ms()
        self._append([market.begin(now_ms) for market in self._markets.values()], now_ms)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_time())
                for symbol in await self._open():
                    group.create_task(self._follow_book(symbol))
                    group.create_task(self._follow_trades(symbol))
        finally:
            await self._feed.close()

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`: no order is taken, and none is there to cancel."""
        decline(command, reply, self._log.time_ms)

    def open_account(self, user: str) -> None:
        """See `Source.open_account`: there are no accounts."""

    def tick(self) -> None:
        """Withdraw the books that nothing was heard of for too long, and advance the log's clock."""
        now_ms = self._now_ms()
        events: list[AnyEvent] = []
        if self._is_heard(now_ms):
            events = [event for market in self._markets.values() for event in market.listen(now_ms)]
        if events or now_ms - ALLOWED_LATENESS_MS - self._log.time_ms >= CLOCK_INTERVAL_MS:
            self._append(events, now_ms)

    async def _keep_time(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(CLOCK_INTERVAL_MS / 1000)

    async def _open(self) -> Sequence[str]:
        """Return the symbols of the markets that can be followed, as soon as the exchange says which."""
        backoff = self._new_backoff()
        while True:
            try:
                found = await self._feed.open(self._markets)
            except FeedError as error:
                _logger.warning("upstream cannot be reached", upstream=self._feed.name, reason=str(error))
                await backoff.wait()
                continue
            missing = [symbol for symbol in self._markets if symbol not in found]
            if len(missing) == len(self._markets):
                raise UpstreamError(f"{self._feed.name} has none of the markets {', '.join(missing)}.")
            for symbol in missing:
                self._problems.report(symbol, Problem.MISSING, f"{self._feed.name} has no such market")
            _logger.info("upstream is reached", upstream=self._feed.name, symbols=sorted(found))
            return [symbol for symbol in self._markets if symbol in found]

    async def _follow_book(self, symbol: str) -> None:
        market = self._markets[symbol]

        def take(book: MarketBook) -> None:
            now_ms = self._now_ms()
            if self._is_heard(now_ms):
                self._tell(market.take_book(book, now_ms), now_ms)

        def lose(reason: str) -> None:
            now_ms = self._now_ms()
            if self._is_heard(now_ms):
                self._tell(market.lose_book(reason, now_ms), now_ms)

        await follow(partial(self._feed.books, symbol), take, lose, self._new_backoff())

    async def _follow_trades(self, symbol: str) -> None:
        market = self._markets[symbol]

        def take(trades: Sequence[MarketTrade]) -> None:
            now_ms = self._now_ms()
            if not self._is_heard(now_ms):
                return
            over_ms = max(self._log.time_ms, now_ms - ALLOWED_LATENESS_MS)
            self._tell(market.take_trades(trades, now_ms, over_ms), now_ms)

        await follow(partial(self._feed.trades, symbol), take, market.lose_trades, self._new_backoff())

    def _is_heard(self, now_ms: int) -> bool:
        """Whether the log takes events; if it does again, all books are withdrawn first, for they have missed some."""
        if self._log.problem is not None:
            self._interrupted = True
            return False
        if self._interrupted:
            self._interrupted = False
            self._tell([event for market in self._markets.values() for event in market.interrupt(now_ms)], now_ms)
        return True

    def _tell(self, events: Sequence[AnyEvent], now_ms: int) -> None:
        if events:
            self._append(events, now_ms)

    def _append(self, events: Sequence[AnyEvent], now_ms: int) -> None:
        self._log.append(events, now_ms - ALLOWED_LATENESS_MS)
