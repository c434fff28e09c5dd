"""A reader of depth messages that keeps the book which they make."""

from collections.abc import Sequence

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.booksync import BookSync
from finalex.sources.messages import DepthUpdate, LevelText, Snapshot
from finalex.sources.reports import Problem

SYMBOL = "BTC/USDT"


class Reader:
    """A `BookSync`, the book that its events make, and what it reported."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.events: list[AnyEvent] = []
        self.book: dict[tuple[str, int], int] | None = None
        self.sync = BookSync(DEFAULT_INSTRUMENTS[SYMBOL], lambda problem, _: self.problems.append(problem))

    def snapshot(self, last: int, bids: Sequence[LevelText] = (), asks: Sequence[LevelText] = (), at: int = 0) -> None:
        self._note(self.sync.take_snapshot(Snapshot(last_id=last, bids=list(bids), asks=list(asks)), at))

    def spot(self, first: int, last: int, bid: LevelText | None = None, at: int = 0) -> None:
        self._update(DepthUpdate(SYMBOL, 1, first, last, [bid] if bid else [], []), at)

    def futures(self, first: int, last: int, previous: int, bid: LevelText | None = None) -> None:
        self._update(DepthUpdate(SYMBOL, 1, first, last, [bid] if bid else [], [], previous), 0)

    def withdraw(self) -> None:
        self._note(self.sync.withdraw("test", 0))

    def bids(self) -> dict[int, int] | None:
        return None if self.book is None else {price: q for (side, price), q in self.book.items() if side == "buy"}

    def _update(self, update: DepthUpdate, at: int) -> None:
        self._note(self.sync.take_update(update, at))

    def _note(self, events: Sequence[AnyEvent]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, BookReset):
                self.book = {("buy", p): q for p, q in event.bids} | {("sell", p): q for p, q in event.asks}
            elif isinstance(event, BookWithdrawn):
                self.book = None
            elif isinstance(event, LevelsChanged):
                assert self.book is not None, "a change of a book that is not there"
                self.book.update({(side.value, price): quantity for side, price, quantity in event.changes})
