"""Random markets and random orders, to trading on paper and to a naive model of it: both must always agree."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exchange.naive_paper import NaivePaper
from exchange.paper_supply import check_supply
from finalex.exchange.paper_engine import PaperEngine
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, Credit, PlaceOrder
from finalex.model.events import (
    AnyEvent,
    BookReset,
    BookWithdrawn,
    LevelsChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    PaperFilled,
    Traded,
)
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import OrderType, Side, TimeInForce, order_id_text

SYMBOL = "ETH/USDT"
USERS = ("ann", "bob", "cat")
PRICES = (16, 18, 20, 22, 24)
FUNDS = {"ETH": 60 * 10**4, "USDT": 1_200}
EXAMPLES = 120
STEPS = 60

MARKET = Instrument(
    symbol=SYMBOL,
    price_decimals=4,
    quantity_decimals=4,
    tick_size=2,
    lot_size=2,
    price_min=2,
    price_max=60,
    quantity_min=2,
    quantity_max=1000,
    notional_min=0,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
)

levels = st.tuples(st.integers(10, 30), st.integers(0, 9))
changes = st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(10, 30), st.integers(0, 9)), max_size=4)
orders = st.tuples(
    st.sampled_from(USERS),
    st.sampled_from(list(Side)),
    st.sampled_from([*PRICES, *PRICES, 0]),
    st.sampled_from([2, 4, 6, 10, 40]),
    st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    st.sampled_from([False, False, False, True]),
)
steps = st.one_of(
    st.tuples(st.just("show"), changes),
    st.tuples(st.just("show"), changes),
    st.tuples(st.just("reset"), st.tuples(st.lists(levels, max_size=4), st.lists(levels, max_size=4))),
    st.tuples(st.just("withdraw"), st.none()),
    st.tuples(
        st.just("trade"),
        st.tuples(st.sampled_from(list(Side)), st.integers(14, 26), st.integers(1, 12), st.integers(0, 3)),
    ),
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("cancel"), st.tuples(st.sampled_from(USERS), st.integers(1, 20))),
)


@dataclass
class Comparison:
    """Trading on paper and its naive model, side by side."""

    now_ms: int = 1_000
    trades: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    log: list[AnyEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.instruments = Instruments([MARKET])
        self.engine = PaperEngine(ExchangeState(self.instruments))
        self.model = NaivePaper(MARKET)
        for user in USERS:
            for currency, amount in FUNDS.items():
                command = Credit(user=user, currency=currency, amount=amount, reference=currency)
                self.log += self.engine.execute(command, self.now_ms)[0]
                self.model.owned[user, currency] += amount

    def step(self, kind: str, details: object) -> None:
        """Do one step and compare everything."""
        self.now_ms += 1
        getattr(self, f"_{kind}")(details)
        self.compare()

    def _show(self, changed: list[tuple[Side, int, int]]) -> None:
        book = self.engine.books[SYMBOL]
        if book.live:
            sides = {side: {level.price: level.quantity for level in book.side(side).levels()} for side in Side}
            for side, price, quantity in changed:
                if (side, price, quantity) in self._allowed(sides, side, price, quantity):
                    sides[side][price] = quantity
            before = {(s, level.price): level.quantity for s in Side for level in book.side(s).levels()}
            after = {(side, price): quantity for side in Side for price, quantity in sides[side].items()}
            differences = [(*key, quantity) for key, quantity in after.items() if before.get(key, 0) != quantity]
            self._happen(LevelsChanged(symbol=SYMBOL, changes=differences, time_ms=self.now_ms))

    def _allowed(
        self, sides: dict[Side, dict[int, int]], side: Side, price: int, quantity: int
    ) -> list[tuple[Side, int, int]]:
        """Return the change as the only one of a list, if the book is not crossed by it."""
        others = [p for p, q in sides[side.opposite].items() if q]
        crossed = any(price >= p if side is Side.BUY else price <= p for p in others)
        return [] if crossed and quantity else [(side, price, quantity)]

    def _reset(self, sides: tuple[list[tuple[int, int]], list[tuple[int, int]]]) -> None:
        bids = {p: q for p, q in sides[0] if q}
        asks = {p: q for p, q in sides[1] if q and p > max(bids, default=0)}
        self._happen(
            BookReset(
                symbol=SYMBOL, bids=sorted(bids.items(), reverse=True), asks=sorted(asks.items()), time_ms=self.now_ms
            )
        )

    def _withdraw(self, _: None) -> None:
        self._happen(BookWithdrawn(symbol=SYMBOL, reason="lost", time_ms=self.now_ms))

    def _trade(self, trade: tuple[Side, int, int, int]) -> None:
        side, price, quantity, late_ms = trade
        self.trades += 1
        self._happen(
            Traded(
                symbol=SYMBOL,
                trade=self.trades,
                price=price,
                quantity=quantity,
                side=side,
                time_ms=self.now_ms - late_ms,
            )
        )

    def _happen(self, event: AnyEvent) -> None:
        happened = self.engine.follow([event])
        assert happened[0] is event
        self.model.happen(event)
        self.log += happened

    def _order(self, drawn: tuple[str, Side, int, int, TimeInForce, bool]) -> None:
        user, side, price, quantity, time_in_force, post_only = drawn
        market = not price
        if market and time_in_force is TimeInForce.GTC:
            time_in_force = TimeInForce.IOC
        command = PlaceOrder(
            user=user,
            symbol=SYMBOL,
            side=side,
            type=OrderType.MARKET if market else OrderType.LIMIT,
            quantity=quantity,
            price=price,
            time_in_force=time_in_force,
            post_only=post_only and time_in_force is TimeInForce.GTC,
        )
        events, _ = self.engine.execute(command, self.now_ms)
        self.model.place(command, self.now_ms)
        self.log += events

    def _cancel(self, target: tuple[str, int]) -> None:
        user, number = target
        known = [order for order in self.model.orders if order.number == number]
        if known:
            command = CancelOrder(user=user, order_id=order_id_text(number, known[0].created_ms))
            events, _ = self.engine.execute(command, self.now_ms)
            assert bool(events) == self.model.cancel(number, user)
            self.log += events

    # --- what must always hold --------------------------------------------------------------------------

    def compare(self) -> None:
        """Assert that fills, waiting orders and money agree, and that nothing was made or lost."""
        fills = [event for event in self.log if isinstance(event, PaperFilled)]
        assert totals([(f.order, f.price, f.quantity, f.maker) for f in fills]) == totals(self.model.fills)
        assert [fill.trade for fill in fills] == list(range(1, len(fills) + 1))
        state = self.engine.state
        for side in Side:
            waiting = [
                (number, price, ahead)
                for price, places in state.paper.waiting.queues(SYMBOL, side)
                for number, ahead in places
            ]
            assert waiting == [(o.number, o.command.price, o.ahead) for o in self.model.waiting(side)]
        for currency in FUNDS:
            for user in USERS:
                balance = state.balance(user, currency)
                assert balance.available >= 0
                assert balance.locked == self.model.locked(user, currency)
                assert balance.total == self.model.owned[user, currency]
            held = sum(state.balance(user, currency).total for user in state.users)
            assert state.paper.outside.get(currency, 0) == self.model.outside[currency]
            assert held + state.paper.outside.get(currency, 0) == len(USERS) * FUNDS[currency]

    def check_statuses(self) -> set[tuple[str, str]]:
        """Assert that every order ended alike, and return all ends there were."""
        ends: dict[int, tuple[str, str]] = {}
        left: Counter[int] = Counter()
        for event in self.log:
            match event:
                case OrderAccepted():
                    ends[event.order], left[event.order] = ("new", ""), event.quantity
                case OrderRejected():
                    ends[event.order] = ("rejected", event.reason)
                case OrderEnded():
                    ends[event.order] = (event.reason.status, event.reason)
                case PaperFilled():
                    left[event.order] -= event.quantity
                    ends[event.order] = ("partially_filled" if left[event.order] else "filled", "")
                case _:
                    pass
        assert ends == {order.number: (order.status, order.reason) for order in self.model.orders}
        return set(ends.values())

    def replayed(self) -> ExchangeState:
        """Return what the log alone leads to."""
        state = ExchangeState(self.instruments)
        for event in self.log:
            state.apply(event)
        return state


def totals(fills: list[tuple[int, int, int, bool]]) -> Counter[tuple[int, int, bool]]:
    """Return what each order got at each price, as maker or as taker."""
    counted: Counter[tuple[int, int, bool]] = Counter()
    for order, price, quantity, maker in fills:
        counted[order, price, maker] += quantity
    return counted


ENDS = {
    *(("rejected", reason) for reason in ("book_stale", "post_only_would_take", "no_liquidity", "insufficient_funds")),
    *(("expired", reason) for reason in ("unfilled", "self_trade")),
    ("canceled", "canceled"),
    *((status, "") for status in ("new", "partially_filled", "filled")),
}


def test_trading_on_paper_and_its_naive_model_always_agree() -> None:
    seen: set[tuple[str, str]] = set()
    makers: Counter[tuple[bool, bool]] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(st.lists(steps, min_size=STEPS, max_size=STEPS))
    def compare(drawn: list[tuple[str, object]]) -> None:
        comparison = Comparison()
        comparison.step("reset", ([(19, 7), (18, 4)], [(21, 5), (22, 8)]))
        for kind, details in drawn:
            comparison.step(kind, details)
        seen.update(comparison.check_statuses())
        check_supply(comparison.log)
        state = comparison.engine.state
        assert comparison.replayed().state_hash() == state.state_hash()
        loaded = ExchangeState(comparison.instruments)
        loaded.load(state.save())
        assert loaded.state_hash() == state.state_hash()
        makers.update((e.maker, bool(e.level)) for e in comparison.log if isinstance(e, PaperFilled))

    compare()
    assert not ENDS - seen
    assert makers.keys() == {(False, True), (True, True), (True, False)}
