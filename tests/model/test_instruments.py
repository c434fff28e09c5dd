"""Instruments and their configuration."""

from typing import Any

import pytest

from finalex.model.instruments import Instrument, Instruments


def instrument(symbol: str = "BTC/USDT", **changes: Any) -> Instrument:
    """Return a plausible instrument with some fields changed."""
    fields: dict[str, Any] = {
        "price_decimals": 2,
        "quantity_decimals": 8,
        "tick_size": 1,
        "lot_size": 1000,
        "price_min": 1,
        "price_max": 100_000_000,
        "quantity_min": 1000,
        "quantity_max": 900_000_000_000,
        "notional_min": 500_000_000,
    }
    return Instrument(symbol=symbol, **(fields | changes))


def test_notional_is_exact_on_tick_and_lot() -> None:
    assert instrument().notional(price=4567890, quantity=125_000_000) == 57098_62500000


def test_notional_works_with_few_decimals() -> None:
    coarse = instrument(
        price_decimals=1, quantity_decimals=3, lot_size=1, quantity_min=1, quantity_max=10**6, price_max=10**7
    )
    assert coarse.notional(price=639439, quantity=20) == 1278_87800000
    assert coarse.base_amount(20) == 2000000


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"symbol": "BTCUSDT"}, "BASE/QUOTE"),
        ({"symbol": "BTC/US DT"}, "BASE/QUOTE"),
        ({"quantity_decimals": 9}, "quantity_decimals 0 to 8"),
        ({"tick_size": 0}, "must be positive"),
        ({"price_min": 5, "price_max": 4}, "above its maximum"),
        ({"maker_fee_ppm": 1_000_001}, "parts per million"),
        ({"lot_size": 1}, "coarser"),
        ({"price_max": 10**17}, "more than an amount"),
    ],
)
def test_an_impossible_instrument_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        instrument(**changes)


def test_a_symbol_is_configured_once() -> None:
    with pytest.raises(ValueError, match="BTC/USDT is configured twice"):
        Instruments([instrument(), instrument()])


@pytest.mark.parametrize("text", ["btc/usdt", "BTCUSDT", "BTC-USDT", "btc_usdt", "BTC/USD", "XBT/USDT", "BTC/USDC"])
def test_the_nearest_symbol_is_found(text: str) -> None:
    markets = Instruments([instrument(), instrument("ETH/BTC"), instrument("ADA/USDT")])
    assert markets.nearest(text) == "BTC/USDT"


def test_nonsense_has_no_nearest_symbol() -> None:
    assert Instruments([instrument()]).nearest("hello world" * 1000) is None
