"""The engine on paper: a state, the books that markets from outside show, and what changes them."""

from collections.abc import Iterable

from finalex.exchange.engine import Engine, outcome_of
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Outcome
from finalex.exchange.paper import decide_crossing, decide_on_paper, decide_trade
from finalex.exchange.shown import ShownBook
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, ExchangeEvent, LevelsChanged, PaperFilled, Traded
from finalex.model.orders import Side

_SHOWN = (BookReset, LevelsChanged, BookWithdrawn, PaperFilled)
"""What a `ShownBook` follows."""


class PaperEngine(Engine):
    """Carries out commands on `state` with the books shown outside, and follows what happens there.

    The books are no part of the state: they begin unknown, and every market must begin with a `BookReset`.
    """

    def __init__(self, state: ExchangeState) -> None:
        super().__init__(state)
        self.books = {symbol: ShownBook() for symbol in state.instruments}

    def execute(self, command: Command, now_ms: int) -> tuple[tuple[ExchangeEvent, ...], Outcome]:
        """See `Engine.execute`."""
        events = decide_on_paper(self.state, self.books, command, now_ms)
        changed = [order for event in events for order in self._apply(event)]
        return events, outcome_of(self.state, command, events, changed)

    def follow(self, events: Iterable[AnyEvent]) -> list[AnyEvent]:
        """Apply what happened outside, and return it with the fills that follow from it, each after its cause."""
        happened: list[AnyEvent] = []
        for event in events:
            if isinstance(event, Traded):
                self._happen(happened, (event, *decide_trade(self.state, event)))
                continue
            self._happen(happened, (event,))
            if isinstance(event, BookReset | LevelsChanged):
                for side in Side:
                    self._cross(happened, event, side)
        return happened

    def _cross(self, happened: list[AnyEvent], event: BookReset | LevelsChanged, side: Side) -> None:
        """Fill the orders that the book reaches, one after the other, until there is none or nothing is left."""
        while fills := decide_crossing(self.state, self.books[event.symbol], event.symbol, side, event.time_ms):
            self._happen(happened, fills)

    def _happen(self, happened: list[AnyEvent], events: Iterable[AnyEvent]) -> None:
        for event in events:
            self._apply(event)
            happened.append(event)

    def _apply(self, event: AnyEvent) -> tuple[Order, ...]:
        if isinstance(event, _SHOWN):
            self.books[event.symbol].apply(event)
        return self.state.apply(event)
