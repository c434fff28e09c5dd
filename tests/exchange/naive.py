"""The exchange written in the most obvious way, to compare the real one with.

One list of all orders ever placed, sorted on every match; what is reserved is worked out from the open orders
each time. It shares no code with the real one beyond the vocabulary. Prices and quantities are in the instrument's
units, amounts in 10^-8; price and quantity have at most 8 decimals together.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from finalex.model.commands import CancelAllOrders, CancelOrder, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import OrderType, Side, TimeInForce


@dataclass
class NaiveOrder:
    number: int
    command: PlaceOrder
    price: int
    left: int
    status: str = "new"
    reason: str = ""
    fees: int = 0

    @property
    def buys(self) -> bool:
        return self.command.side is Side.BUY

    @property
    def open(self) -> bool:
        return self.status == "new" or self.status == "partially_filled"

    @property
    def place_in_book(self) -> tuple[int, int]:
        return (-self.price if self.buys else self.price, self.number)


@dataclass(frozen=True)
class NaiveTrade:
    symbol: str
    number: int
    maker: int
    taker: int
    price: int
    quantity: int
    maker_fee: int
    taker_fee: int


@dataclass
class NaiveExchange:
    instruments: Instruments
    open_orders_max: int
    orders: list[NaiveOrder] = field(default_factory=list)
    open_orders: list[NaiveOrder] = field(default_factory=list)
    trades: list[NaiveTrade] = field(default_factory=list)
    owned: Counter[tuple[str, str]] = field(default_factory=Counter)
    booked: dict[tuple[str, str], Credit | Debit] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)

    def put(self, command: SetMarketState) -> str:
        before = self.states.get(command.symbol, ("open", ""))
        self.states[command.symbol] = (command.state.value, command.reason)
        return "earlier" if before == (command.state.value, command.reason) else "put"

    def halted(self, symbol: str) -> bool:
        return self.states.get(symbol, ("open", ""))[0] == "halted"

    def enter(self, command: Credit | Debit) -> str:
        first = self.booked.get((command.user, command.reference))
        if first is not None:
            return "earlier" if first == command else "reference_used"
        funds = command.user, command.currency
        if isinstance(command, Debit) and command.amount > self.owned[funds] - self.reserved()[funds]:
            return "insufficient_funds"
        self.booked[command.user, command.reference] = command
        self.owned[funds] += command.amount if isinstance(command, Credit) else -command.amount
        return "booked"

    def cancel(self, command: CancelOrder) -> list[NaiveOrder] | str:
        return self._cancel_one(
            [
                order
                for order in self._open(command.user)
                if command.client_order_id is not None and order.command.client_order_id == command.client_order_id
            ]
        )

    def cancel_number(self, user: str, number: int) -> list[NaiveOrder] | str:
        return self._cancel_one([order for order in self._open(user) if order.number == number])

    def _cancel_one(self, found: list[NaiveOrder]) -> list[NaiveOrder] | str:
        return "frozen" if any(self.halted(order.command.symbol) for order in found) else self._cancel(found)

    def cancel_all(self, command: CancelAllOrders) -> list[NaiveOrder]:
        orders = [o for o in self._open(command.user) if command.symbol in (None, o.command.symbol)]
        return self._cancel([o for o in orders if not self.halted(o.command.symbol)])

    def place(self, command: PlaceOrder) -> NaiveOrder:
        for order in self.orders:
            same = order.command.client_order_id == command.client_order_id is not None
            if same and order.command.user == command.user:
                return order
        order = NaiveOrder(len(self.orders) + 1, command, command.price, command.quantity)
        order.reason = self._refusal(order)
        self.orders.append(order)
        if order.reason:
            order.status = "rejected"
        else:
            self._match(order)
        self.open_orders = [order for order in self.orders if order.open]
        return order

    def book(self, symbol: str, side: Side) -> list[NaiveOrder]:
        """Return the open orders of one side in the order in which they trade."""
        orders = [o for o in self.open_orders if o.command.symbol == symbol and o.command.side is side]
        return sorted(orders, key=lambda order: order.place_in_book)

    def books(self) -> dict[tuple[str, Side], list[NaiveOrder]]:
        """Return every side that is not empty, as `book` does."""
        sides = {(order.command.symbol, order.command.side) for order in self.open_orders}
        return {(symbol, side): self.book(symbol, side) for symbol, side in sides}

    def reserved(self) -> Counter[tuple[str, str]]:
        """Return what each user's open orders reserve of each currency."""
        totals: Counter[tuple[str, str]] = Counter()
        for order in self.open_orders:
            totals[order.command.user, self._pays(order)] += self._reserve(order)
        return totals

    def _cancel(self, orders: list[NaiveOrder]) -> list[NaiveOrder]:
        for order in orders:
            order.status, order.reason = "canceled", "canceled"
        self.open_orders = [order for order in self.orders if order.open]
        return orders

    def _open(self, user: str) -> list[NaiveOrder]:
        return [order for order in self.open_orders if order.command.user == user]

    def _pays(self, order: NaiveOrder) -> str:
        instrument = self.instruments[order.command.symbol]
        return instrument.quote if order.buys else instrument.base

    def _reserve(self, order: NaiveOrder) -> int:
        return self._quote(order, order.price, order.left) if order.buys else self._base(order, order.left)

    def _quote(self, order: NaiveOrder, price: int, quantity: int) -> int:
        instrument = self.instruments[order.command.symbol]
        return int(price * quantity * 10 ** (8 - instrument.price_decimals - instrument.quantity_decimals))

    def _base(self, order: NaiveOrder, quantity: int) -> int:
        return int(quantity * 10 ** (8 - self.instruments[order.command.symbol].quantity_decimals))

    def _refusal(self, order: NaiveOrder) -> str:
        command, instrument = order.command, self.instruments[order.command.symbol]
        market, opposite = command.type is OrderType.MARKET, self._opposite(order)
        stays_open = not market and command.time_in_force is TimeInForce.GTC
        state = self.states.get(command.symbol, ("open", ""))[0]
        if state in ("halted", "cancel_only") or (state == "post_only" and not command.post_only):
            return f"market_{state}"
        form = _bad_form(command, instrument)
        if form:
            return form
        if (not market or opposite) and self._worth(order) < instrument.notional_min:
            return "notional_too_small"
        if (not market or opposite) and instrument.notional_max and self._worth(order) > instrument.notional_max:
            return "notional_too_large"
        if instrument.price_band_ppm and self._is_wild(order, instrument.price_band_ppm):
            return "price_outside_band"
        if stays_open and len(self._open(command.user)) >= self.open_orders_max:
            return "too_many_open_orders"
        if command.post_only and any(_agree(order, other) for other in opposite):
            return "post_only_would_take"
        if market and not opposite:
            return "no_liquidity"
        return "insufficient_funds" if self._cost(order) > self._free(order) else ""

    def _is_wild(self, order: NaiveOrder, band_ppm: int) -> bool:
        prices = [trade.price for trade in self.trades if trade.symbol == order.command.symbol]
        market = order.command.type is OrderType.MARKET
        if not prices or (market and not self._opposite(order)):
            return False
        worst = self._last_price(order) if market else order.price
        share = Fraction(worst, prices[-1]) - 1
        return (share if order.buys else -share) > Fraction(band_ppm, 1_000_000)

    def _opposite(self, order: NaiveOrder) -> list[NaiveOrder]:
        return self.book(order.command.symbol, order.command.side.opposite)

    def _free(self, order: NaiveOrder) -> int:
        key = order.command.user, self._pays(order)
        return self.owned[key] - self.reserved()[key]

    def _worth(self, order: NaiveOrder) -> int:
        if order.command.type is OrderType.LIMIT:
            return self._quote(order, order.price, order.left)
        met, left = self._met(order)
        if order.command.time_in_force is TimeInForce.FOK and left:
            return self._quote(order, self._last_price(order), order.left)
        rest = self._quote(order, self._last_price(order), left)
        return rest + sum(self._quote(order, o.price, quantity) for o, quantity in met)

    def _cost(self, order: NaiveOrder) -> int:
        if order.command.type is OrderType.LIMIT or not order.buys:
            return self._reserve(order)
        met, left = self._met(order)
        if order.command.time_in_force is TimeInForce.FOK and left:
            return 0
        return sum(self._quote(order, o.price, quantity) for o, quantity in met)

    def _met(self, order: NaiveOrder) -> tuple[list[tuple[NaiveOrder, int]], int]:
        """Return whom the order can trade with before it meets its own account, and what is left of it then."""
        met, left = [], order.left
        for other in self._opposite(order):
            if not left or not _agree(order, other) or other.command.user == order.command.user:
                break
            met.append((other, min(left, other.left)))
            left -= min(left, other.left)
        return met, left

    def _last_price(self, order: NaiveOrder) -> int:
        """Return the price at which the order stops: that of its own account's order, or of its last fill."""
        met, left = self._met(order)
        others = self._opposite(order)
        blocked = left and len(met) < len(others) and _agree(order, others[len(met)])
        return others[len(met)].price if blocked else met[-1][0].price

    def _match(self, order: NaiveOrder) -> None:
        met, left = self._met(order)
        others = self._opposite(order)
        own = bool(left) and len(met) < len(others) and _agree(order, others[len(met)])
        if order.command.time_in_force is TimeInForce.FOK and left:
            order.status, order.reason = "expired", "unfilled"
            return
        for maker, quantity in met:
            self._trade(maker, order, quantity)
        rests = order.command.type is OrderType.LIMIT and order.command.time_in_force is TimeInForce.GTC
        if left and (own or not rests):
            order.status, order.reason = "expired", "self_trade" if own else "unfilled"

    def _trade(self, maker: NaiveOrder, taker: NaiveOrder, quantity: int) -> None:
        instrument = self.instruments[maker.command.symbol]
        maker_fee = self._settle(maker, maker.price, quantity, instrument.maker_fee_ppm)
        taker_fee = self._settle(taker, maker.price, quantity, instrument.taker_fee_ppm)
        symbol = maker.command.symbol
        number = len([trade for trade in self.trades if trade.symbol == symbol]) + 1
        self.trades.append(
            NaiveTrade(symbol, number, maker.number, taker.number, maker.price, quantity, maker_fee, taker_fee)
        )

    def _settle(self, order: NaiveOrder, price: int, quantity: int, ppm: int) -> int:
        instrument, user = self.instruments[order.command.symbol], order.command.user
        base, quote = self._base(order, quantity), self._quote(order, price, quantity)
        fee = ceil(Fraction(base if order.buys else quote) * Fraction(ppm, 1_000_000))
        received = instrument.base if order.buys else instrument.quote
        self.owned[user, instrument.base] += base if order.buys else -base
        self.owned[user, instrument.quote] += -quote if order.buys else quote
        self.owned[user, received] -= fee
        self.owned["@fees", received] += fee
        order.fees += fee
        order.left -= quantity
        order.status = "partially_filled" if order.left else "filled"
        return fee


def _agree(order: NaiveOrder, other: NaiveOrder) -> bool:
    if order.command.type is OrderType.MARKET:
        return True
    return order.price >= other.price if order.buys else order.price <= other.price


def _bad_form(command: PlaceOrder, instrument: Instrument) -> str:
    if command.type is OrderType.LIMIT:
        if command.price < instrument.price_min or command.price > instrument.price_max:
            return "price_out_of_bounds"
        if command.price % instrument.tick_size:
            return "price_not_on_tick"
    if command.quantity < instrument.quantity_min or command.quantity > instrument.quantity_max:
        return "quantity_out_of_bounds"
    return "quantity_not_on_lot" if command.quantity % instrument.lot_size else ""
