"""A hub that is fed batch by batch, and short ways to write events."""

from collections.abc import Container, Iterable
from typing import Any

from msgspec import json

from exchange.venue import bitcoin, ether
from finalex.channels.hub import Hub
from finalex.channels.journal import Memory
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome, Placed
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, Credit, PlaceOrder
from finalex.model.events import AnyEvent, Batch, BookReset, Credited, Level, LevelChange, LevelsChanged, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side
from finalex.protocol.messages import Data, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

INSTRUMENTS = Instruments([bitcoin(maker_fee_ppm=1000, taker_fee_ppm=2000), ether(maker_fee_ppm=1000)])
START_MS = 1_700_000_040_000
"""The start of a minute."""

AMOUNT = 10**8
"""One whole unit of a currency."""


class Everything(Container[Stream]):
    """Every stream is wanted."""

    def __contains__(self, stream: object) -> bool:
        return True


EVERYTHING = Everything()
NOTHING: Container[Stream] = ()


class Feed:
    """A hub and the log that it is fed with; publications are kept."""

    def __init__(
        self, wanted: Container[Stream] = EVERYTHING, ticker_interval_ms: int = 100, kline_interval_ms: int = 250
    ) -> None:
        self.hub = Hub(INSTRUMENTS, ticker_interval_ms, kline_interval_ms)
        self.wanted = wanted
        self.now_ms = START_MS
        self.seen: list[Publication] = []

    def after(self, elapsed_ms: int) -> "Feed":
        """Let time pass; nobody is told before the next batch."""
        self.now_ms += elapsed_ms
        return self

    def batch(self, *events: AnyEvent) -> list[Publication]:
        """Apply one batch, now, and return what it published."""
        batch = Batch(sequence=self.hub.sequence + 1, time_ms=self.now_ms, events=events)
        published = self.hub.apply(batch, self.wanted)
        self.seen += published
        return published

    def traded(self, price: int, quantity: int = 1, time_ms: int | None = None, **fields: Any) -> Traded:
        """Return a trade of a market from outside, now or at `time_ms`."""
        time_ms = self.now_ms if time_ms is None else time_ms
        event = {"symbol": "BTC/USDT", "trade": 1, "side": Side.BUY, **fields}
        return Traded(price=price, quantity=quantity, time_ms=time_ms, **event)

    def reset(self, bids: Iterable[Level] = (), asks: Iterable[Level] = (), symbol: str = "BTC/USDT") -> BookReset:
        """Return a new book, now."""
        return BookReset(symbol=symbol, bids=list(bids), asks=list(asks), time_ms=self.now_ms)

    def levels(self, *changes: LevelChange) -> LevelsChanged:
        """Return a change of levels, now."""
        return LevelsChanged(symbol="BTC/USDT", changes=list(changes), time_ms=self.now_ms)

    def opening(self, channel: str, user: str | None = None, **params: Any) -> list[Publication]:
        """Return what a new subscriber gets."""
        subscription = Subscription(channel, **params)
        return self.hub.opening(self.hub.stream(subscription, user), subscription)


class Market(Feed):
    """A feed from an exchange that takes commands; one batch for each."""

    def __init__(self, wanted: Container[Stream] = EVERYTHING, memory: Memory | None = None) -> None:
        super().__init__(wanted)
        self.hub = Hub(INSTRUMENTS, memory=memory)
        self.engine = Engine(ExchangeState(INSTRUMENTS))
        self.outcome: Outcome | None = None

    def send(self, command: Command, after_ms: int = 1000) -> list[Publication]:
        """Carry out a command and return what its batch published."""
        self.after(after_ms)
        events, self.outcome = self.engine.execute(command, self.now_ms)
        return self.batch(*events)

    def fund(self, *users: str) -> None:
        """Credit 100 BTC and 100,000 USDT to each of `users`."""
        for user in users:
            for currency, amount in (("BTC", 100), ("USDT", 100_000)):
                self.send(Credit(user=user, currency=currency, amount=amount * AMOUNT, reference=f"{user}-{currency}"))

    def place(self, user: str, side: Side, quantity: int, price: int = 0, **fields: Any) -> list[Publication]:
        """Place an order for BTC/USDT, a market order without a price."""
        kind = OrderType.LIMIT if price else OrderType.MARKET
        command = {"user": user, "symbol": "BTC/USDT", "side": side, "type": kind, **fields}
        return self.send(PlaceOrder(quantity=quantity, price=price, **command))

    @property
    def order_id(self) -> str:
        """The id of the order that was placed last."""
        assert isinstance(self.outcome, Placed)
        return self.outcome.order.id


def credited(user: str, currency: str, amount: int, time_ms: int) -> Credited:
    """Return a credit of so many 10^-8."""
    return Credited(user=user, currency=currency, amount=amount, reference=f"{currency}-{time_ms}", time_ms=time_ms)


def of(publications: Iterable[Publication], kind: str) -> list[Publication]:
    """Return the publications of one type."""
    return [publication for publication in publications if publication.type == kind]


def fields(data: Data) -> dict[str, Any]:
    """Return what the wire shows of `data`."""
    shown = json.decode(json.encode(data))
    assert isinstance(shown, dict)
    return shown
