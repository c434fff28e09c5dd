"""Instruments as settings."""

import json
import tomllib

import pytest

from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.settings.kinds import WrongValueError
from finalex.settings.markets import Markets, written

TABLE: dict[str, object] = {
    "symbol": "BTC/EUR",
    "tick_size": "0.05",
    "lot_size": "0.001",
    "price_max": "1000000",
    "quantity_max": "9000",
}


def test_the_default_instruments_read_back_as_they_are_written() -> None:
    kind = Markets()

    assert kind.parse(kind.show(DEFAULT_INSTRUMENTS)) == DEFAULT_INSTRUMENTS


def test_an_instrument_needs_only_symbol_steps_and_maxima() -> None:
    instrument = Markets().read([TABLE])["BTC/EUR"]

    assert written(instrument) == TABLE | {
        "price_min": "0.05",
        "quantity_min": "0.001",
        "notional_min": "0",
        "price_decimals": 2,
        "quantity_decimals": 8,
        "maker_fee_ppm": 800,
        "taker_fee_ppm": 1000,
        "notional_max": "0",
        "price_band_ppm": 0,
    }


def test_whole_numbers_may_stand_without_quotes() -> None:
    whole = tomllib.loads("tick_size = 5\nlot_size = 1\nprice_max = 1000\nquantity_max = 10")

    instrument = Markets().read([TABLE | whole])["BTC/EUR"]

    assert (instrument.tick_size, instrument.price_decimals) == (5, 0)
    assert instrument.lot_size == 10**8


def test_prices_can_show_more_decimals_than_their_step_needs() -> None:
    instrument = Markets().read([TABLE | {"price_decimals": 4}])["BTC/EUR"]

    assert instrument.price_text(instrument.tick_size) == "0.0500"


@pytest.mark.parametrize(
    ("changes", "part", "says"),
    [
        ({"symbol": None}, "[0].symbol", "the pair, such as BTC/USDT"),
        ({"symbol": "BTCEUR"}, "[0]", "symbol 'BTCEUR' is not of the form BASE/QUOTE"),
        ({"tick_size": 0.05}, "[0].tick_size", "a decimal number in quotes"),
        ({"tick_size": "0"}, "[0].tick_size", "above 0"),
        ({"tick_size": "-1"}, "[0].tick_size", "must be a plain decimal number"),
        ({"tick_size": None}, "[0].tick_size", "a decimal number in quotes"),
        ({"tick_size": True}, "[0].tick_size", "a decimal number in quotes"),
        ({"lot_size": "0.000000001"}, "[0].lot_size", "has more than 8 decimals"),
        ({"tick_size": "0.0000001"}, "[0]", "no whole number of 10^-8 EUR"),
        ({"price_min": "0.07"}, "[0].price_min", "a multiple of tick_size 0.05"),
        ({"quantity_max": "9000.0001"}, "[0].quantity_max", "a multiple of lot_size 0.00100000"),
        ({"price_min": "2000000"}, "[0]", "a minimum is not positive or lies above its maximum"),
        ({"price_max": "99999999999999999999"}, "[0].price_max", "too large"),
        ({"price_max": "9000000000", "quantity_max": "9000000000"}, "[0]", "is more than an amount can be"),
        ({"maker_fee_ppm": -1}, "[0].maker_fee_ppm", "from 0 to 1000000"),
        ({"maker_fee_ppm": "800"}, "[0].maker_fee_ppm", "from 0 to 1000000"),
        ({"price_decimals": 13}, "[0].price_decimals", "from 0 to 12"),
        ({"quantity_decimals": 9}, "[0].quantity_decimals", "from 0 to 8"),
        ({"tik_size": "1"}, "[0]", "unknown key 'tik_size'; did you mean 'tick_size'?"),
        ({"zzz": "1"}, "[0]", "unknown key 'zzz'; there are symbol, tick_size"),
    ],
)
def test_a_wrong_instrument_is_refused_with_the_place_and_what_is_allowed(
    changes: dict[str, object], part: str, says: str
) -> None:
    table = {key: value for key, value in (TABLE | changes).items() if value is not None}

    with pytest.raises(WrongValueError) as caught:
        Markets().read([table])

    assert caught.value.part == part
    assert says in caught.value.allowed + caught.value.reason


def test_a_symbol_can_be_configured_once() -> None:
    with pytest.raises(WrongValueError) as caught:
        Markets().parse(json.dumps([TABLE, TABLE]))

    assert caught.value.reason == "BTC/EUR is configured twice"
