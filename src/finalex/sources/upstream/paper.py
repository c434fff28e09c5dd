"""An exchange elsewhere, traded on paper: orders meet what it shows, and nothing of it leaves this server."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from finalex.exchange.paper_engine import PaperEngine
from finalex.log.port import Log, LogProblem
from finalex.model.events import AnyEvent, Batch
from finalex.sources.exchange import ExchangeSource
from finalex.sources.upstream.following import Backoff
from finalex.sources.upstream.port import MarketFeed
from finalex.sources.upstream.source import ALLOWED_LATENESS_MS, SILENCE_MS_MAX, UpstreamSource


class PaperSource(ExchangeSource):
    """The markets of `feed` as an `UpstreamSource` shows them, and accounts whose orders `engine` meets them with.

    An order is refused while its market has no book; those that wait go on waiting. The log's clock is the upstream's,
    the times of commands are `now_ms`. The feed is only ever read.
    """

    def __init__(
        self,
        feed: MarketFeed,
        engine: PaperEngine,
        log: Log,
        now_ms: Callable[[], int],
        problems: Counter[str],
        demo_balances: Mapping[str, int] | None = None,
        *,
        silence_ms_max: int = SILENCE_MS_MAX,
        new_backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        super().__init__(engine, log, now_ms, demo_balances)
        state = engine.state
        self._upstream = UpstreamSource(
            feed,
            state.instruments,
            _Followed(self._follow, log),
            now_ms,
            problems,
            silence_ms_max=silence_ms_max,
            new_backoff=new_backoff,
            last_trades={symbol: state.next_trade(symbol) - 1 for symbol in state.instruments},
        )
        self._paper = engine

    @property
    def live(self) -> dict[str, bool]:
        """Whether there is a book, by symbol."""
        return self._upstream.live

    async def run(self) -> None:
        """See `UpstreamSource.run`; raises the failure of an append, too."""
        await self._upstream.run()

    def tick(self) -> None:
        """See `UpstreamSource.tick`."""
        self._upstream.tick()

    def _follow(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """Append what happens at the upstream, together with the fills that follow from it."""
        if self._failure is not None:
            raise self._failure
        happened = self._paper.follow(events)
        try:
            return self._log.append(happened, time_ms)
        except Exception as failure:
            self._failure = failure if happened else None
            raise

    def _append(self, events: Sequence[AnyEvent], time_ms: int) -> None:
        super()._append(events, time_ms - ALLOWED_LATENESS_MS)


class _Followed:
    """The log as the upstream sees it: whatever it appends is followed first."""

    def __init__(self, append: Callable[[Iterable[AnyEvent], int], Batch], log: Log) -> None:
        self.append = append
        self._log = log

    @property
    def time_ms(self) -> int:
        """See `Log.time_ms`."""
        return self._log.time_ms

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`."""
        return self._log.problem
