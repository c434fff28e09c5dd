"""The markets of a server that configures none of its own, and what a new account there may start with."""

from finalex.model.decimals import AMOUNT_DECIMALS, parse_units
from finalex.model.instruments import Instrument, Instruments

_QUANTITY_DECIMALS = 8


def _market(symbol: str, tick: str, lot: str, price_max: str, quantity_max: str, notional_min: str) -> Instrument:
    """Return an instrument whose prices show as many decimals as its tick has."""
    price_decimals = len(tick.partition(".")[2])
    return Instrument(
        symbol=symbol,
        price_decimals=price_decimals,
        quantity_decimals=_QUANTITY_DECIMALS,
        tick_size=parse_units(tick, price_decimals),
        lot_size=parse_units(lot, _QUANTITY_DECIMALS),
        price_min=parse_units(tick, price_decimals),
        price_max=parse_units(price_max, price_decimals),
        quantity_min=parse_units(lot, _QUANTITY_DECIMALS),
        quantity_max=parse_units(quantity_max, _QUANTITY_DECIMALS),
        notional_min=parse_units(notional_min, AMOUNT_DECIMALS),
    )


DEFAULT_INSTRUMENTS = Instruments(
    [
        _market("BTC/USDT", "0.01", "0.00001", "1000000", "9000", "5"),
        _market("ETH/USDT", "0.01", "0.0001", "1000000", "9000", "5"),
        _market("SOL/USDT", "0.01", "0.001", "100000", "90000", "5"),
        _market("XRP/USDT", "0.0001", "0.1", "1000", "9000000", "5"),
        _market("BNB/USDT", "0.01", "0.001", "100000", "90000", "5"),
        _market("ADA/USDT", "0.0001", "0.1", "1000", "9000000", "5"),
        _market("ETH/BTC", "0.00001", "0.001", "100", "9000", "0.0001"),
        _market("SOL/BTC", "0.0000001", "0.1", "10", "90000", "0.0001"),
    ]
)
"""Ticks, lots and bounds as Binance has them for these pairs, every quantity shown with 8 decimals.

The lots of the two BTC pairs are coarser than there, so that a tick times a lot is a whole 10^-8 BTC.
"""

DEFAULT_BALANCES = {
    currency: parse_units(amount, AMOUNT_DECIMALS)
    for currency, amount in {
        "USDT": "100000",
        "BTC": "2",
        "ETH": "25",
        "SOL": "500",
        "XRP": "50000",
        "BNB": "100",
        "ADA": "50000",
    }.items()
}
"""Demo balances (10^-8 of each currency): enough to trade every market, not enough to sweep one."""
