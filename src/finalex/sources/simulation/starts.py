"""Where simulated prices start, and how busy each market is."""

from collections.abc import Mapping

from finalex.model.instruments import Instrument, Instruments

STEADY = {"USDT": 1.0, "USDC": 1.0, "USD": 1.0, "DAI": 1.0, "EUR": 1.094, "GBP": 1.272, "CHF": 1.176}
"""Values in USDT of currencies that do not wander."""

VALUES = STEADY | {
    "BTC": 45_678.9,
    "ETH": 2_376.4,
    "SOL": 110.35,
    "XRP": 0.6214,
    "BNB": 315.2,
    "ADA": 0.6021,
}
"""Values in USDT at the start; a pair starts at the ratio of its two currencies, so that crosses agree."""

ACTIVITIES = {
    "BTC/USDT": 3.2,
    "ETH/USDT": 1.8,
    "SOL/USDT": 1.1,
    "XRP/USDT": 0.9,
    "BNB/USDT": 0.8,
    "ADA/USDT": 0.7,
    "ETH/BTC": 0.8,
    "SOL/BTC": 0.6,
}
"""How busy a market is; `ACTIVITY_DEFAULT` is that of all others."""

ACTIVITY_DEFAULT = 0.8

TICKS_DEFAULT = 10_000
"""An unknown currency starts so that its first market's price is this many ticks: a tick is then 1/100 %."""


def start_values(instruments: Instruments, prices: Mapping[str, int]) -> dict[str, float]:
    """Return the value of every currency in USDT.

    `prices` (units, by symbol) set the value of a symbol's base; what they leave open comes from `VALUES`, and
    what that does not know starts at `TICKS_DEFAULT`. Raises `ValueError`, with a sentence for whoever configures
    the server, for an unknown symbol and for a start outside of an instrument's bounds.
    """
    for symbol in prices:
        if symbol not in instruments:
            raise ValueError(f"there is a start price for {symbol}, but no such instrument")
    values: dict[str, float] = {}
    for instrument in instruments.values():
        quote = values.setdefault(instrument.quote, VALUES.get(instrument.quote, 1.0))
        if instrument.symbol in prices:
            values[instrument.base] = prices[instrument.symbol] / 10**instrument.price_decimals * quote
        elif instrument.base not in values:
            values[instrument.base] = VALUES.get(instrument.base) or _default_price(instrument) * quote
    for instrument in instruments.values():
        _check(instrument, values)
    return values


def start_price(instrument: Instrument, values: Mapping[str, float]) -> float:
    """Return the price, in units, that follows from the values of the two currencies."""
    return float(values[instrument.base] / values[instrument.quote] * 10**instrument.price_decimals)


def _default_price(instrument: Instrument) -> float:
    ticks = TICKS_DEFAULT * instrument.tick_size
    within = max(min(ticks, instrument.price_max // 2), min(2 * instrument.price_min, instrument.price_max))
    return float(within / 10**instrument.price_decimals)


def _check(instrument: Instrument, values: Mapping[str, float]) -> None:
    price = start_price(instrument, values)
    if not instrument.price_min <= price <= instrument.price_max:
        text = instrument.price_text(round(price))
        raise ValueError(f"{instrument.symbol}: the simulated market would start at {text}, outside of its bounds")
