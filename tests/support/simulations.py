"""A simulated exchange on a clock moved by hand."""

from hashlib import sha256

import msgspec

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome, Placed
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.model.commands import Credit, PlaceOrder
from finalex.model.events import AnyEvent, Batch, OrderAccepted, Traded
from finalex.model.markets import DEFAULT_BALANCES, DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.sources.simulate import STEP_INTERVAL_MS, SimulateSource
from finalex.sources.simulation.traders import Traders

START_MS = 1_700_000_012_345


class Simulation:
    """A simulated exchange on a clock moved by hand; every event is kept."""

    def __init__(self, seed: int = 7, *, history_hours: int = 0) -> None:
        self.now_ms = START_MS
        self.batches: list[Batch] = []
        self.log = MemoryLog()
        self.log.follow(self.batches.append)
        self.state = ExchangeState(DEFAULT_INSTRUMENTS)
        self.source = SimulateSource(
            Engine(self.state),
            self.log,
            lambda: self.now_ms,
            DEFAULT_BALANCES,
            traders=Traders(DEFAULT_INSTRUMENTS, seed),
            history_hours=history_hours,
        )

    def run(self, seconds: int) -> "Simulation":
        self.source.open_markets()
        for _ in range(seconds * 1000 // STEP_INTERVAL_MS):
            self.now_ms += STEP_INTERVAL_MS
            self.source.step()
        return self

    def enrich(self, user: str) -> None:
        """Give `user` more than any book can take."""
        for currency in ("USDT", "BTC"):
            credit = Credit(user=user, currency=currency, amount=10**17, reference=f"rich in {currency}")
            self.source.submit(credit, lambda outcome: None)

    def place(
        self, side: Side, quantity: int, price: int = 0, symbol: str = "BTC/USDT", user: str = "alice"
    ) -> OrderAccepted:
        """Place a limit order, or with no price a market order, that must be accepted."""
        outcomes: list[Outcome] = []
        command = PlaceOrder(
            user=user,
            symbol=symbol,
            side=side,
            type=OrderType.LIMIT if price else OrderType.MARKET,
            quantity=quantity,
            price=price,
            time_in_force=TimeInForce.GTC if price else TimeInForce.IOC,
        )
        self.source.submit(command, outcomes.append)
        assert isinstance(outcomes[0], Placed)
        return next(event for event in self.batches[-1].events if isinstance(event, OrderAccepted))

    def best(self, side: Side, symbol: str = "BTC/USDT") -> int:
        price = self.state.best(symbol, side)
        assert price is not None
        return price

    def middle(self, symbol: str) -> float:
        prices = self.best(Side.BUY, symbol) + self.best(Side.SELL, symbol)
        return prices / 2 * float(10 ** -DEFAULT_INSTRUMENTS[symbol].price_decimals)

    def filled(self, order: OrderAccepted) -> int:
        """Return how much of `order` has traded."""
        trades = (event for event in self.events if isinstance(event, Traded))
        return sum(trade.quantity for trade in trades if order.order in (trade.maker_order, trade.taker_order))

    @property
    def events(self) -> list[AnyEvent]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def digest(self) -> str:
        return sha256(msgspec.json.encode(self.batches)).hexdigest()
