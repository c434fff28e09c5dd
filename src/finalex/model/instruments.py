"""Instruments: what can be traded, and how its prices and quantities are counted."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

import msgspec

from finalex.model.decimals import AMOUNT_DECIMALS, UNITS_MAX, format_units, parse_units

PRICE_DECIMALS_MAX = 12
PRICE_BAND_PPM_MAX = 10_000_000
"""Eleven times the last price: no narrower bound is worth the name of a band."""

_POWERS: list[int] = [10**exponent for exponent in range(PRICE_DECIMALS_MAX + 1)]


@lru_cache(maxsize=4096)
def _split(symbol: str) -> tuple[str, str]:
    base, _, quote = symbol.partition("/")
    return base, quote


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A trading pair.

    Prices are integers in units of 10^-`price_decimals` of the quote currency per one base; quantities are
    integers in units of 10^-`quantity_decimals` of the base; amounts are integers in units of 10^-8 of their
    currency. `tick_size`, `lot_size` and the bounds are in those units, `notional_min` is an amount of the
    quote, and so is `notional_max`; fees are in parts per million of what is received. `price_band_ppm` is how much
    worse than the last trade an order's price may be. Both are 0 for no such rule.
    """

    symbol: str
    price_decimals: int
    quantity_decimals: int
    tick_size: int
    lot_size: int
    price_min: int
    price_max: int
    quantity_min: int
    quantity_max: int
    notional_min: int
    maker_fee_ppm: int = 800
    taker_fee_ppm: int = 1000
    notional_max: int = 0
    price_band_ppm: int = 0

    def __post_init__(self) -> None:
        base, quote = self.base, self.quote
        if not (base.isascii() and base.isalnum() and quote.isascii() and quote.isalnum()):
            raise ValueError(f"symbol '{self.symbol}' is not of the form BASE/QUOTE")
        if not (0 <= self.price_decimals <= PRICE_DECIMALS_MAX and 0 <= self.quantity_decimals <= AMOUNT_DECIMALS):
            raise ValueError(f"{self.symbol}: price_decimals is 0 to 12, quantity_decimals 0 to 8")
        if self.tick_size < 1 or self.lot_size < 1:
            raise ValueError(f"{self.symbol}: tick_size and lot_size must be positive")
        if not (0 < self.price_min <= self.price_max and 0 < self.quantity_min <= self.quantity_max):
            raise ValueError(f"{self.symbol}: a minimum is not positive or lies above its maximum")
        if not (0 <= self.maker_fee_ppm <= 1_000_000 and 0 <= self.taker_fee_ppm <= 1_000_000):
            raise ValueError(f"{self.symbol}: fees are 0 to 1000000 parts per million")
        if not (0 <= self.notional_max <= UNITS_MAX and 0 <= self.price_band_ppm <= PRICE_BAND_PPM_MAX):
            raise ValueError(f"{self.symbol}: notional_max or price_band_ppm is out of bounds")
        if 0 < self.notional_max < self.notional_min:
            raise ValueError(f"{self.symbol}: notional_max lies below notional_min")
        if self.notional(self.price_max, self.quantity_max) > UNITS_MAX:
            raise ValueError(f"{self.symbol}: price_max times quantity_max is more than an amount can be")
        if self.tick_size * self.lot_size % _POWERS[max(0, self._surplus_decimals)]:
            raise ValueError(
                f"{self.symbol}: one tick times one lot is no whole number of 10^-8 {quote}; "
                "choose a coarser tick_size or lot_size"
            )

    @property
    def base(self) -> str:
        """The currency that is bought and sold."""
        return _split(self.symbol)[0]

    @property
    def quote(self) -> str:
        """The currency that prices are in."""
        return _split(self.symbol)[1]

    @property
    def _surplus_decimals(self) -> int:
        """How many more decimals price × quantity has than an amount; negative if it has fewer."""
        return self.price_decimals + self.quantity_decimals - AMOUNT_DECIMALS

    def notional(self, price: int, quantity: int) -> int:
        """Return price × quantity as an amount of the quote; exact on tick and lot, else rounded down."""
        surplus = self._surplus_decimals
        if surplus >= 0:
            return price * quantity // _POWERS[surplus]
        return price * quantity * _POWERS[-surplus]

    def base_amount(self, quantity: int) -> int:
        """Return `quantity` as an amount (10^-8) of the base currency."""
        return quantity * _POWERS[AMOUNT_DECIMALS - self.quantity_decimals]

    def parse_price(self, text: str) -> int:
        """Return a price in units; `ValueError` says what is wrong with `text`."""
        return parse_units(text, self.price_decimals)

    def parse_quantity(self, text: str) -> int:
        """Return a quantity in units; `ValueError` says what is wrong with `text`."""
        return parse_units(text, self.quantity_decimals)

    def price_text(self, price: int) -> str:
        """Return `price` as the wire shows it."""
        return format_units(price, self.price_decimals)

    def quantity_text(self, quantity: int) -> str:
        """Return `quantity` as the wire shows it."""
        return format_units(quantity, self.quantity_decimals)


class Instruments(Mapping[str, Instrument]):
    """All instruments of a server, by symbol, in the order they were configured."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_symbol: dict[str, Instrument] = {}
        for instrument in instruments:
            if instrument.symbol in self._by_symbol:
                raise ValueError(f"{instrument.symbol} is configured twice")
            self._by_symbol[instrument.symbol] = instrument

    def __getitem__(self, symbol: str) -> Instrument:
        return self._by_symbol[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_symbol)

    def __len__(self) -> int:
        return len(self._by_symbol)

    def nearest(self, text: str) -> str | None:
        """Return the symbol that somebody who wrote `text` (64 characters looked at) probably meant."""
        wanted = "".join(character for character in text[:64].upper() if character.isalnum())
        plain = {symbol.replace("/", ""): symbol for symbol in self._by_symbol}
        found = get_close_matches(wanted, plain, n=1, cutoff=0.5)
        return plain[found[0]] if found else None

    @property
    def currencies(self) -> list[str]:
        """Every base and quote currency once, in order of first appearance."""
        return list(dict.fromkeys(c for i in self._by_symbol.values() for c in (i.base, i.quote)))
