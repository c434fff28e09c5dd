"""An engine whose events are kept, and everything that must hold for it at any time."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import OPEN_ORDERS_MAX, ExchangeState
from finalex.model.commands import Command
from finalex.model.events import Credited, Debited, ExchangeEvent, Level, OrderEnded, OrderRested, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side


def bitcoin(maker_fee_ppm: int = 0, taker_fee_ppm: int = 0) -> Instrument:
    """BTC/USDT in steps of 0.50 from 1 to 1000, and of 0.001 BTC from 0.01 to 100; 5 USDT at least."""
    return Instrument(
        symbol="BTC/USDT",
        price_decimals=2,
        quantity_decimals=4,
        tick_size=50,
        lot_size=10,
        price_min=100,
        price_max=100_000,
        quantity_min=100,
        quantity_max=1_000_000,
        notional_min=500_000_000,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
    )


def ether(quote: str = "USDT", maker_fee_ppm: int = 0, taker_fee_ppm: int = 0) -> Instrument:
    """ETH in whole units of the quote from 1 to 100, and whole ETH from 1 to 100."""
    return Instrument(
        symbol=f"ETH/{quote}",
        price_decimals=0,
        quantity_decimals=0,
        tick_size=1,
        lot_size=1,
        price_min=1,
        price_max=100,
        quantity_min=1,
        quantity_max=100,
        notional_min=1,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
    )


class Venue:
    """An exchange under test: sends commands one millisecond apart and keeps every event."""

    def __init__(self, *instruments: Instrument, open_orders_max: int = OPEN_ORDERS_MAX) -> None:
        self.instruments = Instruments(instruments or (bitcoin(), ether()))
        self.state = ExchangeState(self.instruments, open_orders_max)
        self.engine = Engine(self.state)
        self.events: list[ExchangeEvent] = []
        self.now_ms = 1_000

    def send(self, command: Command) -> tuple[tuple[ExchangeEvent, ...], Outcome]:
        self.now_ms += 1
        events, outcome = self.engine.execute(command, self.now_ms)
        self.events += events
        return events, outcome

    def check(self) -> None:
        """Assert everything that must hold between any two commands, and that the events alone lead here."""
        check_books(self.state)
        check_funds(self.state, credited(self.events))
        view = BookView()
        view.apply(self.events)
        assert view.books == books(self.state)
        assert replayed(self.instruments, self.events).state_hash() == self.state.state_hash()


class BookView:
    """The books as somebody knows them who sees nothing but the events."""

    def __init__(self) -> None:
        self.books: dict[tuple[str, Side], dict[int, int]] = defaultdict(dict)

    def apply(self, events: Iterable[ExchangeEvent]) -> None:
        for event in events:
            match event:
                case OrderRested():
                    self._add(event.symbol, event.side, event.price, event.quantity)
                case Traded():
                    self._add(event.symbol, event.side.opposite, event.price, -event.quantity)
                case OrderEnded(rested=True):
                    self._add(event.symbol, event.side, event.price, -event.quantity)
                case _:
                    pass

    def _add(self, symbol: str, side: Side, price: int, quantity: int) -> None:
        levels = self.books[symbol, side]
        levels[price] = levels.get(price, 0) + quantity
        assert levels[price] >= 0
        if not levels[price]:
            del levels[price]
        if not levels:
            del self.books[symbol, side]


def books(state: ExchangeState) -> dict[tuple[str, Side], dict[int, int]]:
    """Return every side that is not empty."""
    sides = {(symbol, side): dict(state.levels(symbol, side)) for symbol in state.instruments for side in Side}
    return {key: levels for key, levels in sides.items() if levels}


def replayed(instruments: Instruments, events: Iterable[ExchangeEvent]) -> ExchangeState:
    """Return a fresh state that took in `events`."""
    state = ExchangeState(instruments)
    for event in events:
        state.apply(event)
    return state


def check_uncrossed(state: ExchangeState) -> None:
    """Assert that no bid is as high as an ask."""
    for symbol in state.instruments:
        bid, ask = state.best(symbol, Side.BUY), state.best(symbol, Side.SELL)
        assert bid is None or ask is None or bid < ask


def check_books(state: ExchangeState) -> None:
    """Assert that every book is uncrossed and sorted, and each queue ordered by time."""
    check_uncrossed(state)
    for symbol in state.instruments:
        bids, asks = state.levels(symbol, Side.BUY), state.levels(symbol, Side.SELL)
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            check_side(state, symbol, side, levels)


def check_side(state: ExchangeState, symbol: str, side: Side, levels: list[Level]) -> None:
    """Assert that a side holds exactly the open orders of all users, each queue by number."""
    resting = list(state.resting(symbol, side))
    open_ = [order for user in state.users for order in state.open_orders(user, symbol) if order.side is side]
    sign = -1 if side is Side.BUY else 1
    assert resting == sorted(open_, key=lambda order: (sign * order.price, order.number))
    totals: Counter[int] = Counter()
    for order in resting:
        assert order.remaining > 0
        totals[order.price] += order.remaining
    assert dict(levels) == dict(totals)


def credited(events: Iterable[ExchangeEvent]) -> Counter[str]:
    """Return what came in from outside, less what went back there, by currency."""
    totals: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Credited):
            totals[event.currency] += event.amount
        elif isinstance(event, Debited):
            totals[event.currency] -= event.amount
    return totals


def check_funds(state: ExchangeState, credits_: Counter[str]) -> None:
    """Assert that nothing was made or lost, nothing is negative, and open orders lock exactly what is locked."""
    held: Counter[str] = Counter()
    for user in state.users:
        locked: Counter[str] = Counter()
        for order in state.open_orders(user):
            instrument = state.instruments[order.symbol]
            locked[instrument.quote if order.side is Side.BUY else instrument.base] += order.locked
        for currency, balance in state.balances(user).items():
            assert balance.available >= 0
            assert balance.locked == locked.pop(currency, 0)
            held[currency] += balance.total
        assert not locked
    assert +held == credits_
