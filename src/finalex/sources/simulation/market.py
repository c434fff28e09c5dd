"""What the traders of one market go by: its grid of prices, its usual sizes, and how to word an order."""

import math
from random import Random

from finalex.exchange.order import Order
from finalex.model.commands import CancelOrder, PlaceOrder
from finalex.model.decimals import AMOUNT_DECIMALS
from finalex.model.instruments import Instrument
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.sources.simulation.accounts import balance

ORDER_VALUE = 1_000.0
"""The median order of a maker at the touch, in USDT, in a market of activity 1; it grows with its square root."""

ORDERS_AFFORDED = 2_000
"""Even of a currency worth next to nothing, what a trader has covers this many median orders."""

SIZE_SPREAD = 1.2
"""The standard deviation of the log of sizes."""

TAIL_SHARE = 0.04
TAIL_EXPONENT = 1.5
TAIL_FACTOR_MAX = 40.0
"""This share of orders is larger by a power-law factor, up to the last: sizes of real orders have such a tail."""

ROUND_SHARE = 0.3
"""The share of sizes that somebody typed: a single digit and zeros."""

NOTIONAL_MARGIN = 1.25
"""Orders are at least this much larger than the smallest, as the price may move before they arrive."""

GAP_SHARE = 0.000_005
"""The usual gap between levels near the touch, as a share of the price; a tick at least."""


class Market:
    """One market as its simulated traders know it; `base_value` is what one base is worth in USDT."""

    def __init__(self, instrument: Instrument, activity: float, base_value: float, rng: Random) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.tick = instrument.tick_size
        self.activity = activity
        affordable = balance(base_value) / 10**AMOUNT_DECIMALS * base_value / ORDERS_AFFORDED
        self.order_value = min(ORDER_VALUE * math.sqrt(activity), affordable)
        self.rng = rng
        self._units_per_value = 10**instrument.quantity_decimals / base_value
        self._lot = instrument.lot_size
        self._lots_min = -(-instrument.quantity_min // self._lot)
        self._lots_max = instrument.quantity_max // self._lot
        notional_step = instrument.notional(self.tick, self._lot) / self.tick
        self._lots_times_price_min = instrument.notional_min * NOTIONAL_MARGIN / notional_step

    def gap_ticks(self, fair: float) -> float:
        """Return the usual gap between levels near the touch."""
        return max(1.0, fair * GAP_SHARE / self.tick)

    def below(self, price: float) -> int:
        """Return the highest price on the grid at or below `price`."""
        return math.floor(price / self.tick) * self.tick

    def above(self, price: float) -> int:
        """Return the lowest price on the grid at or above `price`."""
        return math.ceil(price / self.tick) * self.tick

    def usual_quantity(self, value: float) -> int:
        """Return the quantity that is worth `value` USDT at the start."""
        return int(value * self._units_per_value)

    def quantity(self, value: float, price: int) -> int:
        """Return a random quantity, worth `value` USDT in the median, that may trade at `price`."""
        rng = self.rng
        value *= math.exp(SIZE_SPREAD * rng.gauss(0, 1))
        if rng.random() < TAIL_SHARE:
            value *= min(TAIL_FACTOR_MAX, rng.paretovariate(TAIL_EXPONENT))
        units = self.usual_quantity(value)
        if rng.random() < ROUND_SHARE:
            magnitude = 10 ** (len(str(units)) - 1)
            units = (units // magnitude) * magnitude
        return self.allowed_quantity(units, price)

    def allowed_quantity(self, units: int, price: int) -> int:
        """Return `units` brought on a lot and within what the instrument allows at `price`."""
        lots = max(units // self._lot, int(self._lots_times_price_min / price) + 1, self._lots_min)
        return min(lots, self._lots_max) * self._lot

    def limit(
        self,
        user: str,
        side: Side,
        price: int,
        quantity: int,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
    ) -> PlaceOrder:
        """Return the command for a limit order."""
        return PlaceOrder(
            user=user,
            symbol=self.symbol,
            side=side,
            type=OrderType.LIMIT,
            quantity=quantity,
            price=price,
            time_in_force=time_in_force,
            post_only=post_only,
        )

    def market_order(self, user: str, side: Side, quantity: int) -> PlaceOrder:
        """Return the command for a market order."""
        return PlaceOrder(
            user=user,
            symbol=self.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=quantity,
            time_in_force=TimeInForce.IOC,
        )

    def in_bounds(self, price: int) -> bool:
        """Whether an order may have this price."""
        return self.instrument.price_min <= price <= self.instrument.price_max


def cancel(order: Order) -> CancelOrder:
    """Return the command that cancels an open order."""
    return CancelOrder(user=order.user, order_id=order.id)
