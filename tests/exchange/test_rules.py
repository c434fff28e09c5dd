"""Every reason for which an order is refused, at its exact edge, and the order in which they are checked."""

import pytest

from exchange.scenario import check_play
from exchange.venue import Venue
from finalex.exchange.rules import RULES
from finalex.model.rejects import RejectReason

FUNDED = """
    credit ann 1000 BTC
    credit ann 1000000 USDT
    credit bob 1000 BTC
    credit bob 1000000 USDT
"""


def test_the_rules_are_checked_in_the_order_of_the_reasons() -> None:
    of_sources = (RejectReason.TRADING_DISABLED, RejectReason.EXCHANGE_UNAVAILABLE, RejectReason.ORDER_RATE)
    on_paper = RejectReason.BOOK_STALE
    reasons = [reason for reason in RejectReason if reason not in (*of_sources, on_paper)]
    assert [reason for reason, _ in RULES] == reasons


def test_a_price_must_lie_within_its_bounds() -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 50 @ 0.5         => rejected price_out_of_bounds
        ann a2 buy 50 @ 1           => new
        ann a3 sell 1 @ 1000        => new
        ann a4 sell 1 @ 1000.5      => rejected price_out_of_bounds
        ann a5 sell 1 @ 0           => rejected price_out_of_bounds
    """)


def test_a_price_must_be_on_the_tick() -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 1 @ 10.25        => rejected price_not_on_tick
        ann a2 buy 1 @ 10.51        => rejected price_not_on_tick
        ann a3 buy 1 @ 10.50        => new
    """)


def test_a_quantity_must_lie_within_its_bounds() -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 0.009 @ 900      => rejected quantity_out_of_bounds
        ann a2 buy 0.01 @ 900       => new
        ann a3 buy 100 @ 900        => new
        ann a4 buy 100.001 @ 900    => rejected quantity_out_of_bounds
        ann a5 buy 0 @ 900          => rejected quantity_out_of_bounds
        bob b1 sell 100.001 market  => rejected quantity_out_of_bounds
        bob b2 sell 0 market        => rejected quantity_out_of_bounds
    """)


def test_a_quantity_must_be_on_the_lot() -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 1.0005 @ 100     => rejected quantity_not_on_lot
        ann a2 buy 1.001 @ 100      => new
        bob b1 sell 0.5005 market   => rejected quantity_not_on_lot
    """)


def test_a_limit_order_must_be_worth_the_minimum() -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 0.049 @ 100      => rejected notional_too_small
        ann a2 buy 0.05 @ 100       => new
        ann a3 sell 0.024 @ 200     => rejected notional_too_small
        ann a4 sell 0.025 @ 200     => new
    """)


def test_a_market_order_is_worth_what_it_would_meet() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 0.05 @ 100      => new
        ann a2 sell 1 @ 200         => new
        bob b1 buy 0.049 market     => rejected notional_too_small
        bob b2 buy 0.05 market      => 0.05 @ 100 with a1; filled
        bob b3 buy 0.024 market     => rejected notional_too_small
        bob b4 buy 0.025 market     => 0.025 @ 200 with a2; filled
    """)


def test_a_large_market_order_is_not_small_because_the_book_is_thin() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 0.06 @ 100      => new
        bob b1 buy 0.02 @ 100 ioc   => rejected notional_too_small
        bob b2 buy 0.05 @ 100       => 0.05 @ 100 with a1; filled
        book | 0.01 @ 100
        bob b3 buy 0.04 market      => rejected notional_too_small
        bob b4 buy 0.05 market      => 0.01 @ 100 with a1; expired unfilled
    """)


def test_a_market_order_before_its_own_order_is_worth_what_it_asks_for() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 1 @ 100         => new
        ann a2 buy 0.049 market     => rejected notional_too_small
        ann a3 buy 0.05 market      => expired self_trade
    """)


def test_an_account_may_have_so_many_open_orders() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 buy 1 @ 10           => new
        ann a2 buy 1 @ 10           => new
        ann a3 sell 2 @ 20          => new
        ann a4 buy 1 @ 10           => rejected too_many_open_orders
        bob b1 buy 1 @ 20           => 1 @ 20 with a3; filled
        ann a5 buy 1 @ 10           => rejected too_many_open_orders
        bob b2 buy 1 @ 20           => 1 @ 20 with a3; filled
        ann a6 buy 1 @ 10           => new
        ann cancel a1               => canceled a1
        ann a7 buy 1 @ 10           => new
    """,
        Venue(open_orders_max=3),
    )


def test_an_order_that_cannot_stay_open_is_not_one_too_many() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 buy 1 @ 10           => new
        bob b1 buy 9 @ 9            => new
        ann a2 sell 1 @ 9           => rejected too_many_open_orders
        ann a3 sell 1 @ 9 ioc       => expired self_trade
        ann cancel a1               => canceled a1
        ann a4 buy 1 @ 8            => new
        ann a5 sell 1 @ 9 ioc       => 1 @ 9 with b1; filled
        ann a6 sell 1 @ 9 fok       => 1 @ 9 with b1; filled
        ann a7 sell 1 market        => 1 @ 9 with b1; filled
    """,
        Venue(open_orders_max=1),
    )


def test_by_default_the_501st_open_order_is_one_too_many() -> None:
    orders = "\n".join(f"ann a{index} buy 1 @ 10 => new" for index in range(500))
    check_play(f"{FUNDED}\n{orders}\nann last buy 1 @ 10 => rejected too_many_open_orders")


def test_a_post_only_market_order_would_always_take() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 1 @ 100             => new
        bob b1 buy 1 market post-only   => rejected post_only_would_take
    """)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_needs_somebody_to_trade_with(side: str) -> None:
    check_play(f"""{FUNDED}
        ann a1 buy 1 @ 10 on ETH/USDT       => new
        ann a2 {side} 1 market              => rejected no_liquidity
        ann a3 {side} 1 market fok          => rejected no_liquidity
    """)


def test_a_limit_order_needs_nobody_to_trade_with() -> None:
    check_play(f"{FUNDED}\n ann a1 buy 1 @ 100 ioc => expired unfilled")


def test_an_order_needs_funds_for_all_of_it() -> None:
    check_play("""
        credit ann 100 USDT
        credit ann 2 BTC
        ann a1 buy 1.001 @ 100      => rejected insufficient_funds
        ann a2 buy 1 @ 100          => new
        ann a3 buy 0.05 @ 100       => rejected insufficient_funds
        ann a4 sell 2.001 @ 200     => rejected insufficient_funds
        ann a5 sell 2 @ 200         => new
        ann a6 sell 0.05 @ 200      => rejected insufficient_funds
    """)


def test_a_limit_buy_needs_funds_at_its_own_price_even_if_it_would_fill_below() -> None:
    check_play(f"""{FUNDED}
        credit cat 100 USDT
        ann a1 sell 1 @ 50          => new
        cat c1 buy 1 @ 101          => rejected insufficient_funds
        cat c2 buy 1 @ 100          => 1 @ 50 with a1; filled
        cat has 50 USDT
    """)


def test_a_market_buy_needs_exactly_what_its_trades_cost() -> None:
    check_play(f"""{FUNDED}
        credit cat 150 USDT
        ann a1 sell 1 @ 50          => new
        ann a2 sell 1 @ 100         => new
        ann a3 sell 1 @ 100.5       => new
        cat c1 buy 2.001 market     => rejected insufficient_funds
        cat c2 buy 2 market         => 1 @ 50 with a1; 1 @ 100 with a2; filled
        cat has 0 USDT
        cat has 2 BTC
    """)


def test_a_market_buy_needs_no_funds_for_what_the_book_does_not_have() -> None:
    check_play(f"""{FUNDED}
        credit cat 50 USDT
        ann a1 sell 1 @ 50          => new
        cat c1 buy 90 market        => 1 @ 50 with a1; expired unfilled
        cat has 0 USDT
    """)


def test_a_market_sell_needs_all_it_offers() -> None:
    check_play(f"""{FUNDED}
        credit cat 2 BTC
        ann a1 buy 1 @ 50           => new
        cat c1 sell 2.001 market    => rejected insufficient_funds
        cat c2 sell 2 market        => 1 @ 50 with a1; expired unfilled
        cat has 1 BTC
        cat has 50 USDT
    """)


@pytest.mark.parametrize("order", ["buy 1 @ 100", "sell 1 @ 100", "buy 1 market", "sell 1 market"])
def test_somebody_who_was_never_credited_has_no_funds(order: str) -> None:
    venue = check_play(f"""{FUNDED}
        ann a1 buy 1 @ 50           => new
        ann a2 sell 1 @ 100         => new
        nil n1 {order}              => rejected insufficient_funds
    """)
    assert not venue.state.exists("nil")


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("buy 0.0005 @ 1000.25", "price_out_of_bounds"),
        ("buy 0.0005 @ 999.75", "price_not_on_tick"),
        ("buy 0.0005 @ 1", "quantity_out_of_bounds"),
        ("buy 0.0105 @ 1", "quantity_not_on_lot"),
        ("buy 0.01 @ 1", "notional_too_small"),
        ("buy 50 @ 1000 post-only", "too_many_open_orders"),
        ("buy 50 @ 1000 post-only ioc", "post_only_would_take"),
        ("buy 50 @ 1000 ioc", "insufficient_funds"),
        ("buy 50 market post-only", "post_only_would_take"),
        ("sell 50 market", "no_liquidity"),
    ],
)
def test_of_several_broken_rules_the_first_is_the_reason(order: str, reason: str) -> None:
    check_play(
        f"""
        credit ann 1 BTC
        credit ann 10 USDT
        credit bob 1 BTC
        bob b1 sell 1 @ 10      => new
        ann a0 buy 1 @ 9        => new
        ann a00 buy 1 @ 9       => rejected too_many_open_orders
        ann cancel a0           => canceled a0
        ann a01 sell 1 @ 900    => new
        ann a1 {order}          => rejected {reason}
    """,
        Venue(open_orders_max=1),
    )
