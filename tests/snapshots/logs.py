"""Made-up logs in which everything happens that can be in one, drawn by hypothesis."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.venue import bitcoin, ether
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder
from finalex.model.events import AnyEvent, Batch, BookReset, BookWithdrawn, Credited, Debited, LevelsChanged, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side, TimeInForce

INSTRUMENTS = Instruments(
    [bitcoin(maker_fee_ppm=1000, taker_fee_ppm=2000), ether(maker_fee_ppm=1000), ether("BTC"), ether("EUR")]
)
"""The first two are traded here, the last two come from outside."""

TRADED = {"BTC/USDT": 5_000, "ETH/USDT": 1}
"""And the quantity, in units, that is traded or a small multiple of it."""

OUTSIDE = ("ETH/BTC", "ETH/EUR")
USERS = ("ann", "bob", "cat")
START_MS = 1_709_164_797_000
"""2024-02-28 23:59:57: the end of a month is near."""

PAUSES_MS = (0, 0, 0, 0, 1, 40, 99, 100, 100, 101, 250, 300, 1000, 1000, 5000, 20_000, 30_000, 60_000, 60_000, 90_000)
LONG_PAUSES_MS = (300_000, 3_600_000, 86_400_000, 8 * 86_400_000)
STEP_BYTES = 8

T = TypeVar("T")


class Draw:
    """Reads choices out of a few bytes, which is much faster than drawing each by itself; zeros are the first."""

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "little")

    def below(self, count: int) -> int:
        self.number, rest = divmod(self.number, count)
        return rest

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


steps = st.lists(st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES), min_size=20, max_size=60)


class Writer:
    """Writes a log: everybody has funds, then each step is a batch, with what a few bytes say."""

    def __init__(self) -> None:
        self.engine = Engine(ExchangeState(INSTRUMENTS))
        self.batches: list[Batch] = []
        self.now_ms = START_MS
        self.sequence = 0
        self.trades = dict.fromkeys(OUTSIDE, 0)
        for user in USERS:
            for currency in ("USDT", "BTC", "ETH"):
                self.send(Credit(user=user, currency=currency, amount=10**13, reference=currency))

    def send(self, *commands: Command) -> None:
        """Append what `commands` lead to."""
        self.append([event for command in commands for event in self.engine.execute(command, self.now_ms)[0]])

    def append(self, events: Sequence[AnyEvent], skipped: int = 0) -> None:
        """Append a batch, perhaps leaving out numbers, as a log does after a crash."""
        self.sequence += 1 + skipped
        self.batches.append(Batch(sequence=self.sequence, time_ms=self.now_ms, events=tuple(events)))

    def step(self, data: bytes) -> None:
        """Let time pass, and something happen."""
        draw = Draw(data)
        self.now_ms += draw.one((*PAUSES_MS * 3, *LONG_PAUSES_MS))
        kind = draw.below(32)
        if kind < 20:
            self.send(*(self.command(draw) for _ in range(1 + draw.below(2))))
        elif kind < 29:
            self.append([self.event(draw)])
        else:
            self.append([], skipped=1000 if kind == 31 else 0)

    def place(self, user: str, symbol: str, side: Side, quantity: int, ticks: int) -> None:
        """Append what a limit order leads to."""
        price = INSTRUMENTS[symbol].tick_size * ticks
        self.send(PlaceOrder(user=user, symbol=symbol, side=side, type=OrderType.LIMIT, quantity=quantity, price=price))

    def command(self, draw: Draw) -> Command:
        user, kind = draw.one(USERS), draw.below(32)
        if kind == 29:
            return Debit(user=user, currency="USDT", amount=7, reference=f"d{draw.below(4)}")
        if kind == 30:
            return CancelAllOrders(user=user)
        if kind >= 26:
            return CancelOrder(user=user, client_order_id=f"c{draw.below(12)}")
        symbol = draw.one(tuple(TRADED))
        instrument, market = INSTRUMENTS[symbol], draw.below(8) == 7
        return PlaceOrder(
            user=user,
            symbol=symbol,
            side=draw.one(tuple(Side)),
            type=OrderType.MARKET if market else OrderType.LIMIT,
            quantity=TRADED[symbol] * draw.one((2, 1, 3)),
            price=0 if market else instrument.tick_size * (20 + draw.below(5)),
            time_in_force=draw.one((TimeInForce.GTC,) * 6 + (TimeInForce.IOC, TimeInForce.FOK)),
            post_only=draw.below(8) == 7,
            client_order_id=f"c{draw.below(12)}" if draw.below(3) else None,
        )

    def event(self, draw: Draw) -> AnyEvent:
        symbol = draw.one((*OUTSIDE, "DOGE/EUR"))
        happened: Sequence[Callable[[str, Draw], AnyEvent]] = (
            self.trade,
            self.trade,
            self.change,
            self.change,
            self.reset,
        )
        if draw.below(8) == 7:
            return BookWithdrawn(symbol=symbol, reason="gap", time_ms=self.now_ms)
        return draw.one(happened)(symbol, draw)

    def trade(self, symbol: str, draw: Draw) -> Traded:
        self.trades[symbol] = number = self.trades.get(symbol, 0) + 1
        time_ms = self.now_ms + draw.one((0, 500, 60_000))
        price, quantity = 1 + draw.below(9), draw.one((10, 4 * 10**18))  # their sum is more than 64 bits hold
        return Traded(
            symbol=symbol, trade=number, price=price, quantity=quantity, side=draw.one(tuple(Side)), time_ms=time_ms
        )

    def change(self, symbol: str, draw: Draw) -> LevelsChanged:
        changes = [(draw.one(tuple(Side)), 1 + draw.below(12), draw.below(3)) for _ in range(1 + draw.below(3))]
        return LevelsChanged(symbol=symbol, changes=changes, time_ms=self.now_ms)

    def reset(self, symbol: str, draw: Draw) -> BookReset:
        middle = 2 + draw.below(9)
        bids = [(price, 1 + draw.below(3)) for price in range(middle - 1, 0, -1)]
        asks = [(price, 1 + draw.below(3)) for price in range(middle, 12)]
        return BookReset(symbol=symbol, bids=bids, asks=asks, time_ms=self.now_ms)


def written(drawn: Sequence[bytes]) -> list[Batch]:
    """Return the log that drawn bytes stand for."""
    writer = Writer()
    for data in drawn:
        writer.step(data)
    return writer.batches


def known(batches: Sequence[Batch]) -> list[Batch]:
    """Return a log without the events of symbols that are no instruments."""
    return [replace(batch, events=tuple(e for e in batch.events if _is_known(e))) for batch in batches]


def _is_known(event: AnyEvent) -> bool:
    return isinstance(event, Credited | Debited) or event.symbol in INSTRUMENTS
