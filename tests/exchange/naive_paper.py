"""Trading on paper as one would explain it: lot by lot, with a look at everything each time."""

from collections import Counter
from dataclasses import dataclass, field

from finalex.model.commands import PlaceOrder
from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged, Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import OrderType, Side, TimeInForce


@dataclass
class NaiveLevel:
    """What is shown at a price, and how much of it has been given away."""

    side: Side
    price: int
    shown: int
    given: int = 0


@dataclass
class NaivePaperOrder:
    """An order, and what it has become."""

    number: int
    command: PlaceOrder
    created_ms: int
    status: str = "new"
    reason: str = ""
    left: int = 0
    ahead: int = 0
    waits: bool = False

    @property
    def buys(self) -> bool:
        return self.command.side is Side.BUY

    def reaches(self, price: int) -> bool:
        if self.command.type is OrderType.MARKET:
            return True
        return self.command.price >= price if self.buys else self.command.price <= price


@dataclass
class NaivePaper:
    """One market, what it shows, and everybody's orders and money (10^-8)."""

    instrument: Instrument
    live: bool = False
    levels: list[NaiveLevel] = field(default_factory=list)
    orders: list[NaivePaperOrder] = field(default_factory=list)
    owned: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    fills: list[tuple[int, int, int, bool]] = field(default_factory=list)

    # --- what happens outside ---------------------------------------------------------------------------

    def happen(self, event: AnyEvent) -> None:
        match event:
            case BookWithdrawn():
                self.live, self.levels = False, []
            case BookReset():
                self.live = True
                self.levels = [NaiveLevel(Side.BUY, *level) for level in event.bids]
                self.levels += [NaiveLevel(Side.SELL, *level) for level in event.asks]
                self._cross()
            case LevelsChanged():
                for side, price, quantity in event.changes if self.live else []:
                    self._show(side, price, quantity)
                self._cross()
            case Traded():
                self._trade(event)

    def _show(self, side: Side, price: int, quantity: int) -> None:
        level = next((each for each in self.levels if (each.side, each.price) == (side, price)), None)
        if level is None:
            level = NaiveLevel(side, price, 0)
            self.levels.append(level)
        level.shown = quantity
        level.given = min(level.given, quantity)
        if not quantity:
            self.levels.remove(level)

    def _trade(self, trade: Traded) -> None:
        """Hand the trade out unit by unit, as if it were a queue of single units."""
        left = trade.quantity
        for order in self.waiting(trade.side.opposite):
            if not order.reaches(trade.price) or order.created_ms > trade.time_ms:
                continue
            if order.command.price != trade.price:
                order.ahead = 0
            before, order.ahead = order.ahead, max(0, order.ahead - left)
            while order.left and left - before >= self.instrument.lot_size:
                self._fill(order, order.command.price, maker=True)
                left -= self.instrument.lot_size

    def _cross(self) -> None:
        for side in Side:
            for order in self.waiting(side):
                while order.left and (level := self._best_level(order)) is not None:
                    level.given += self.instrument.lot_size
                    self._fill(order, order.command.price, maker=True)

    def waiting(self, side: Side) -> list[NaivePaperOrder]:
        """Return the orders that wait, in the order in which they fill."""
        sign = -1 if side is Side.BUY else 1
        waiting = [order for order in self.orders if order.waits and order.command.side is side]
        return sorted(waiting, key=lambda order: (sign * order.command.price, order.number))

    # --- what somebody asks for --------------------------------------------------------------------------

    def place(self, command: PlaceOrder, now_ms: int) -> NaivePaperOrder:
        order = NaivePaperOrder(len(self.orders) + 1, command, now_ms, left=command.quantity)
        order.reason = self._refusal(order)
        self.orders.append(order)
        if order.reason:
            order.status = "rejected"
            return order
        if command.time_in_force is TimeInForce.FOK and self._obtainable(order) < command.quantity:
            return self._end(order, "expired", "unfilled")
        while order.left and (level := self._takeable(order)) is not None:
            level.given += self.instrument.lot_size
            self._fill(order, self._cost(level), maker=False)
        if order.left:
            self._leave(order)
        return order

    def cancel(self, number: int, user: str) -> bool:
        found = [order for order in self.orders if order.number == number and order.waits]
        if not found or found[0].command.user != user:
            return False
        self._end(found[0], "canceled", "canceled")
        return True

    def available(self, user: str, currency: str) -> int:
        return self.owned[user, currency] - self.locked(user, currency)

    def locked(self, user: str, currency: str) -> int:
        waiting = [order for order in self.orders if order.waits and order.command.user == user]
        if currency == self.instrument.base:
            return sum(self.instrument.base_amount(order.left) for order in waiting if not order.buys)
        return sum(self.instrument.notional(order.command.price, order.left) for order in waiting if order.buys)

    def _leave(self, order: NaivePaperOrder) -> None:
        own = self._own_opposite(order)
        if own is not None and order.reaches(own):
            self._end(order, "expired", "self_trade")
        elif order.command.type is OrderType.MARKET or order.command.time_in_force is TimeInForce.IOC:
            self._end(order, "expired", "unfilled")
        else:
            order.waits = True
            here = [
                each for each in self.levels if (each.side, each.price) == (order.command.side, order.command.price)
            ]
            order.ahead = sum(level.shown for level in here)

    def _refusal(self, order: NaivePaperOrder) -> str:
        command = order.command
        opposite = [self._cost(level) for level in self.levels if level.side is not command.side]
        own = self._own_opposite(order)
        prices = opposite + ([] if own is None else [own])
        if not self.live:
            return "book_stale"
        if command.post_only and any(order.reaches(price) for price in prices):
            return "post_only_would_take"
        if command.type is OrderType.MARKET and not prices:
            return "no_liquidity"
        currency = self.instrument.quote if order.buys else self.instrument.base
        return "insufficient_funds" if self._needed(order) > self.available(command.user, currency) else ""

    def _needed(self, order: NaivePaperOrder) -> int:
        command = order.command
        if not order.buys:
            return self.instrument.base_amount(command.quantity)
        if command.type is OrderType.LIMIT:
            return self.instrument.notional(command.price, command.quantity)
        parts = self._parts(order)
        if command.time_in_force is TimeInForce.FOK and sum(q for _, q in parts) < command.quantity:
            return 0
        return sum(self.instrument.notional(price, quantity) for price, quantity in parts)

    def _obtainable(self, order: NaivePaperOrder) -> int:
        return sum(quantity for _, quantity in self._parts(order))

    def _parts(self, order: NaivePaperOrder) -> list[tuple[int, int]]:
        """Return price and quantity of each lot that the order would get, without getting it."""
        before = [(level, level.given) for level in self.levels]
        parts: list[tuple[int, int]] = []
        while len(parts) * self.instrument.lot_size < order.command.quantity:
            level = self._takeable(order)
            if level is None:
                break
            level.given += self.instrument.lot_size
            parts.append((self._cost(level), self.instrument.lot_size))
        for level, given in before:
            level.given = given
        return parts

    def _takeable(self, order: NaivePaperOrder) -> NaiveLevel | None:
        """Return the level where the next lot comes from: none if an own order is better."""
        level, own = self._best_level(order), self._own_opposite(order)
        if level is None or own is None:
            return level
        price = self._cost(level)
        return None if (own < price if order.buys else own > price) else level

    def _best_level(self, order: NaivePaperOrder) -> NaiveLevel | None:
        levels = [
            level
            for level in self.levels
            if level.side is not order.command.side
            and order.reaches(self._cost(level))
            and level.shown - level.given >= self.instrument.lot_size
        ]
        return min(levels, key=lambda level: level.price if order.buys else -level.price, default=None)

    def _own_opposite(self, order: NaivePaperOrder) -> int | None:
        command = order.command
        own = [
            each.command.price
            for each in self.orders
            if each.waits and each.command.user == command.user and each.command.side is not command.side
        ]
        return (min(own) if order.buys else max(own)) if own else None

    def _cost(self, level: NaiveLevel) -> int:
        """Return what one pays at a level: the next tick that is no better than it."""
        tick = self.instrument.tick_size
        up = level.side is Side.SELL
        return -(-level.price // tick) * tick if up else level.price // tick * tick

    def _end(self, order: NaivePaperOrder, status: str, reason: str) -> NaivePaperOrder:
        order.waits, order.status, order.reason = False, status, reason
        return order

    def _fill(self, order: NaivePaperOrder, price: int, *, maker: bool) -> None:
        lot, instrument, user = self.instrument.lot_size, self.instrument, order.command.user
        order.left -= lot
        order.status = "partially_filled" if order.left else "filled"
        order.waits = order.waits and bool(order.left)
        self.fills.append((order.number, price, lot, maker))
        base, quote = instrument.base_amount(lot), instrument.notional(price, lot)
        sign = 1 if order.buys else -1
        for currency, amount in ((instrument.base, sign * base), (instrument.quote, -sign * quote)):
            self.owned[user, currency] += amount
            self.outside[currency] -= amount
