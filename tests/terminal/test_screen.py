"""The screen at every size: what is on it, and that it fits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.screen import Screen

from finalex.client import State
from finalex.terminal.market_view import MarketView
from finalex.terminal.screen import screen
from terminal.market import SYMBOL, market_view, ticker


def lines_of(view: MarketView, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Screen(screen(view, width, height)), end="")
    return capture.get().rstrip("\n").split("\n")


def plain(view: MarketView, width: int = 80, height: int = 24) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", "\n".join(lines_of(view, width, height)))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 45), (60, 12), (40, 30), (250, 70)])
def test_a_screen_is_filled_and_not_more(width: int, height: int) -> None:
    lines = plain(market_view(), width, height).split("\n")

    assert len(lines) == height
    assert max(map(len, lines)) <= width


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 70))
def test_every_size_can_be_drawn(width: int, height: int) -> None:
    lines = plain(market_view(), width, height).split("\n")

    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_the_spread_stands_between_the_best_ask_and_the_best_bid() -> None:
    lines = plain(market_view()).split("\n")
    middle = next(number for number, line in enumerate(lines) if "spread 0.50" in line)

    assert "45679.00  0.75000000" in lines[middle - 1]
    assert "45678.50  1.25000000" in lines[middle + 1]


def test_the_header_has_the_price_its_change_and_the_latency() -> None:
    first, second = plain(market_view()).split("\n")[:2]

    assert first.startswith("BTC/USDT  45678.90 ▲ +1234.56 (+2.78 %)")
    assert first.endswith("● live 7 ms")
    assert second.startswith("24 h  high 46000.00  low 44500.00  volume 1234.50000000 BTC")


def test_a_falling_price_points_down() -> None:
    view = market_view()
    view.ticker = ticker(change="-54.06", percent="-0.12")

    assert "45678.90 ▼ -54.06 (-0.12 %)" in plain(view)


def test_the_newest_trade_is_above() -> None:
    text = plain(market_view())

    assert text.index("12:00:59  45659.00") < text.index("12:00:58  45658.00")


def test_the_last_close_is_marked_on_the_axis() -> None:
    assert "45662.00" in plain(market_view())


def test_a_lost_connection_says_when_it_is_tried_again() -> None:
    view = market_view()
    view.health.serving, view.health.losses, view.wait_ms = False, 1, 3_400
    view.states = dict.fromkeys(view.states, State.STALE)
    text = plain(view)

    assert "○ connection lost, again in 3 s" in text
    assert "order book · stale" in text
    assert "1 reconnection" in text


def test_a_subscription_that_is_being_restored_shows() -> None:
    view = market_view()
    view.states["kline"] = State.RESUMING
    text = plain(view)

    assert "◐ catching up" in text
    assert "candles 1m · resuming" in text
    assert "trades · resuming" not in text


def test_a_small_terminal_has_the_book_alone() -> None:
    text = plain(market_view(), 45, 24)

    assert "order book" in text
    assert "candles" not in text
    assert "trades" not in text


def test_a_very_low_terminal_has_the_price_alone() -> None:
    text = plain(market_view(), 80, 5)

    assert "45678.90" in text
    assert "order book" not in text


def test_before_anything_has_come_the_screen_says_so() -> None:
    text = plain(MarketView(SYMBOL, "1m"))

    assert "○ connecting" in text
    for said in ("no ticker yet", "no orders yet", "no trades yet", "no candles yet"):
        assert said in text


def test_a_withdrawn_book_says_why_it_is_empty() -> None:
    view = market_view(0)
    view.withdrawn = True

    assert "the market has lost its source" in plain(view)


def test_a_book_of_one_side_says_which_is_missing() -> None:
    view = market_view()
    view.asks = []

    assert "no asks" in plain(view)
