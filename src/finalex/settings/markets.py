"""Kinds of settings that describe markets: instruments, and the balances of demo accounts."""

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from finalex.model.decimals import AMOUNT_DECIMALS, format_units, parse_units
from finalex.model.instruments import PRICE_BAND_PPM_MAX, Instrument, Instruments
from finalex.settings.kinds import Integer, Kind, WrongValueError

INSTRUMENTS_MAX = 1000
DEMO_AMOUNT_MAX = 10**17
"""A thousand million of a currency, which leaves an account room to win some."""

_DECIMAL = "a decimal number in quotes such as '0.01'"
_QUANTITY_DECIMALS = 8
_MAY_BE_ZERO = ("notional_min", "notional_max")


class Balances(Kind[Mapping[str, int]]):
    """Amounts (10^-8) by currency."""

    allowed = "a table of currencies with amounts as text, such as BTC = '2' (in a flag or variable: BTC=2,USDT=1000)"

    def parse(self, text: str) -> Mapping[str, int]:
        """See `Kind.parse`."""
        items = [item.strip().partition("=") for item in text.split(",")] if text else []
        named: dict[str, object] = {currency.strip(): amount.strip() for currency, _, amount in items}
        if len(named) != len(items):
            raise WrongValueError(reason="a currency is repeated")
        return self.read(named)

    def read(self, value: object) -> Mapping[str, int]:
        """See `Kind.read`."""
        if not isinstance(value, dict):
            raise WrongValueError
        return {currency: self._amount(currency, amount) for currency, amount in value.items()}

    def show(self, value: Mapping[str, int]) -> str:
        """See `Kind.show`."""
        return ",".join(f"{currency}={_short(amount, AMOUNT_DECIMALS)}" for currency, amount in value.items())

    def _amount(self, currency: str, given: object) -> int:
        if not (currency.isascii() and currency.isalnum()):
            raise WrongValueError(reason=f"{currency!r} is no currency")
        amount = _units(given, AMOUNT_DECIMALS, f".{currency}", positive=False)
        if amount > DEMO_AMOUNT_MAX:
            raise WrongValueError(f".{currency}", given, f"at most {_short(DEMO_AMOUNT_MAX, AMOUNT_DECIMALS)}")
        return amount


class Markets(Kind[Instruments]):
    """What can be traded."""

    allowed = f"an array of 1 to {INSTRUMENTS_MAX} tables (in a flag or variable: JSON)"

    def parse(self, text: str) -> Instruments:
        """See `Kind.parse`."""
        try:
            return self.read(json.loads(text))
        except WrongValueError:
            raise
        except (ValueError, RecursionError):
            raise WrongValueError from None

    def read(self, value: object) -> Instruments:
        """See `Kind.read`."""
        if not isinstance(value, list) or not 1 <= len(value) <= INSTRUMENTS_MAX:
            raise WrongValueError
        instruments = [_Table(f"[{number}]", table).instrument() for number, table in enumerate(value)]
        try:
            return Instruments(instruments)
        except ValueError as error:
            raise WrongValueError(reason=str(error)) from None

    def show(self, value: Instruments) -> str:
        """See `Kind.show`."""
        return json.dumps([written(instrument) for instrument in value.values()])


INSTRUMENT_KEYS = {
    "symbol": "the pair, such as BTC/USDT; required",
    "tick_size": "the step of prices, as text; required",
    "lot_size": "the step of quantities, as text; required",
    "price_max": "the highest price of an order, as text; required",
    "quantity_max": "the largest quantity of an order, as text; required",
    "price_min": "the lowest price of an order, as text; one tick if not given",
    "quantity_min": "the smallest quantity of an order, as text; one lot if not given",
    "notional_min": "the least price × quantity of an order, as text; 0 if not given",
    "price_decimals": "decimals that prices are shown with, 0 to 12; those of tick_size if not given",
    "quantity_decimals": f"decimals that quantities are shown with, 0 to 8; {_QUANTITY_DECIMALS} if not given",
    "maker_fee_ppm": "fee of a maker in parts per million of what is received; 800 if not given",
    "taker_fee_ppm": "fee of a taker in parts per million of what is received; 1000 if not given",
    "notional_max": "the most price × quantity of an order, as text; 0 (no such rule) if not given",
    "price_band_ppm": "how much worse than the last trade's an order's price may be, in parts per million; 0 (any) if "
    "not given",
}
"""The keys of one instrument in TOML, and what they mean."""


def written(instrument: Instrument) -> dict[str, str | int]:
    """Return `instrument` in the form in which it is configured, with every key."""
    price, quantity = instrument.price_decimals, instrument.quantity_decimals
    return {
        "symbol": instrument.symbol,
        "tick_size": _short(instrument.tick_size, price),
        "lot_size": _short(instrument.lot_size, quantity),
        "price_max": _short(instrument.price_max, price),
        "quantity_max": _short(instrument.quantity_max, quantity),
        "price_min": _short(instrument.price_min, price),
        "quantity_min": _short(instrument.quantity_min, quantity),
        "notional_min": _short(instrument.notional_min, AMOUNT_DECIMALS),
        "price_decimals": price,
        "quantity_decimals": quantity,
        "maker_fee_ppm": instrument.maker_fee_ppm,
        "taker_fee_ppm": instrument.taker_fee_ppm,
        "notional_max": _short(instrument.notional_max, AMOUNT_DECIMALS),
        "price_band_ppm": instrument.price_band_ppm,
    }


class _Table:
    """One instrument as it was written; `part` is its place, for errors."""

    def __init__(self, part: str, table: object) -> None:
        if not isinstance(table, dict):
            raise WrongValueError(part, table, f"a table with {', '.join(INSTRUMENT_KEYS)}")
        for key in table:
            if key not in INSTRUMENT_KEYS:
                near = get_close_matches(key, INSTRUMENT_KEYS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(INSTRUMENT_KEYS)}"
                raise WrongValueError(part, reason=f"unknown key {key!r}; {hint}")
        self._part = part
        self._table = table

    def instrument(self) -> Instrument:
        """Return the instrument; raises `WrongValueError`."""
        price = self._integer("price_decimals", 12, _decimals(self._table.get("tick_size")))
        quantity = self._integer("quantity_decimals", AMOUNT_DECIMALS, _QUANTITY_DECIMALS)
        tick, lot = self._units("tick_size", price), self._units("lot_size", quantity)
        try:
            instrument = Instrument(
                symbol=self._text("symbol"),
                price_decimals=price,
                quantity_decimals=quantity,
                tick_size=tick,
                lot_size=lot,
                price_min=self._units("price_min", price, tick),
                price_max=self._units("price_max", price),
                quantity_min=self._units("quantity_min", quantity, lot),
                quantity_max=self._units("quantity_max", quantity),
                notional_min=self._units("notional_min", AMOUNT_DECIMALS, 0),
                maker_fee_ppm=self._integer("maker_fee_ppm", 1_000_000, 800),
                taker_fee_ppm=self._integer("taker_fee_ppm", 1_000_000, 1000),
                notional_max=self._units("notional_max", AMOUNT_DECIMALS, 0),
                price_band_ppm=self._integer("price_band_ppm", PRICE_BAND_PPM_MAX, 0),
            )
        except WrongValueError:
            raise
        except ValueError as error:
            raise WrongValueError(self._part, reason=str(error)) from None
        self._check_steps(instrument)
        return instrument

    def _check_steps(self, instrument: Instrument) -> None:
        checks: list[tuple[str, int, str, int, Callable[[int], str]]] = [
            ("price_min", instrument.price_min, "tick_size", instrument.tick_size, instrument.price_text),
            ("price_max", instrument.price_max, "tick_size", instrument.tick_size, instrument.price_text),
            ("quantity_min", instrument.quantity_min, "lot_size", instrument.lot_size, instrument.quantity_text),
            ("quantity_max", instrument.quantity_max, "lot_size", instrument.lot_size, instrument.quantity_text),
        ]
        for key, value, step_key, step, text in checks:
            if value % step:
                raise WrongValueError(f"{self._part}.{key}", text(value), f"a multiple of {step_key} {text(step)}")

    def _text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str):
            raise WrongValueError(f"{self._part}.{key}", value, INSTRUMENT_KEYS[key])
        return value

    def _integer(self, key: str, maximum: int, default: int) -> int:
        kind = Integer(0, maximum)
        try:
            return kind.read(self._table.get(key, default))
        except WrongValueError:
            raise WrongValueError(f"{self._part}.{key}", self._table[key], kind.allowed) from None

    def _units(self, key: str, decimals: int, default: int | None = None) -> int:
        if default is not None and key not in self._table:
            return default
        return _units(self._table.get(key), decimals, f"{self._part}.{key}", positive=key not in _MAY_BE_ZERO)


def _units(given: object, decimals: int, part: str, *, positive: bool) -> int:
    text = str(given) if type(given) is int else given
    try:
        units = parse_units(text, decimals) if isinstance(text, str) else -1
    except ValueError as error:
        raise WrongValueError(part, given, f"{_DECIMAL}: it {error}") from None
    if units < int(positive):
        raise WrongValueError(part, given, _DECIMAL + " above 0" * positive)
    return units


def _decimals(tick_size: object) -> int:
    return min(12, len(tick_size.partition(".")[2])) if isinstance(tick_size, str) else 0


def _short(units: int, decimals: int) -> str:
    text = format_units(units, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text
