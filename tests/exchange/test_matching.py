"""Which orders meet, at which price and in which order; see `exchange.scenario` for how to read the tables."""

import pytest

from exchange.scenario import check_play
from exchange.venue import Venue

FUNDED = """
    credit ann 100 BTC
    credit ann 10000 USDT
    credit bob 100 BTC
    credit bob 10000 USDT
    credit cat 100 BTC
    credit cat 10000 USDT
"""


def market(text: str) -> Venue:
    """Play a scenario in which ann, bob and cat have 100 BTC and 10000 USDT each."""
    return check_play(FUNDED + text)


def test_an_order_that_meets_nobody_rests() -> None:
    market("""
        ann a1 buy 1 @ 99       => new
        ann a2 sell 2 @ 101     => new
        book 1 @ 99 | 2 @ 101
    """)


def test_orders_at_one_price_fill_oldest_first() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        bob b1 sell 1 @ 100     => new
        ann a2 sell 1 @ 100     => new
        cat c1 buy 2.5 @ 100    => 1 @ 100 with a1; 1 @ 100 with b1; 0.5 @ 100 with a2; filled
        book | 0.5 @ 100
    """)


def test_a_better_price_goes_before_an_older_order() -> None:
    market("""
        ann a1 sell 1 @ 102     => new
        ann a2 sell 1 @ 101     => new
        bob b1 sell 1 @ 100     => new
        cat c1 buy 3 @ 102      => 1 @ 100 with b1; 1 @ 101 with a2; 1 @ 102 with a1; filled
        ann a3 buy 1 @ 98       => new
        bob b2 buy 1 @ 99       => new
        cat c2 sell 2 @ 98      => 1 @ 99 with b2; 1 @ 98 with a3; filled
        book |
    """)


def test_a_trade_happens_at_the_resting_orders_price() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        bob b1 buy 1 @ 150      => 1 @ 100 with a1; filled
        ann a2 buy 1 @ 100      => new
        bob b2 sell 1 @ 50      => 1 @ 100 with a2; filled
    """)


def test_what_is_left_of_a_taker_rests_at_its_own_price() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        bob b1 buy 3 @ 101      => 1 @ 100 with a1; partially_filled
        book 2 @ 101 |
        ann a2 sell 2 @ 101     => 2 @ 101 with b1; filled
        book |
    """)


def test_a_partly_filled_order_keeps_its_place() -> None:
    market("""
        ann a1 sell 2 @ 100     => new
        bob b1 sell 2 @ 100     => new
        cat c1 buy 1 @ 100      => 1 @ 100 with a1; filled
        cat c2 buy 2 @ 100      => 1 @ 100 with a1; 1 @ 100 with b1; filled
        ann a1 is filled 2/2 locked 0 fees 0
        bob b1 is partially_filled 1/2 locked 1 fees 0
    """)


def test_an_order_placed_again_goes_to_the_back() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        bob b1 sell 1 @ 100     => new
        ann cancel a1           => canceled a1
        ann a2 sell 1 @ 100     => new
        cat c1 buy 2 @ 100      => 1 @ 100 with b1; 1 @ 100 with a2; filled
    """)


def test_an_order_stops_at_its_limit() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        ann a2 sell 1 @ 100.5   => new
        bob b1 buy 2 @ 100      => 1 @ 100 with a1; partially_filled
        book 1 @ 100 | 1 @ 100.5
    """)


def test_symbols_have_books_of_their_own() -> None:
    market("""
        credit ann 5 ETH
        ann a1 sell 5 @ 10 on ETH/USDT      => new
        bob b1 buy 1 @ 20                   => new
        book 1 @ 20 |
        book | 5 @ 10 on ETH/USDT
        bob b2 buy 2 @ 10 on ETH/USDT       => 2 @ 10 with a1; filled
    """)


def test_a_market_order_takes_the_book_at_any_price() -> None:
    market("""
        ann a1 sell 1 @ 100         => new
        ann a2 sell 1 @ 900         => new
        bob b1 buy 1.5 market       => 1 @ 100 with a1; 0.5 @ 900 with a2; filled
        bob b2 buy 2 @ 50           => new
        bob b3 buy 1 @ 5            => new
        ann a3 sell 3 market        => 2 @ 50 with b2; 1 @ 5 with b3; filled
        book | 0.5 @ 900
    """)


def test_what_is_left_of_a_market_order_expires() -> None:
    market("""
        ann a1 sell 1 @ 100     => new
        bob b1 buy 3 market     => 1 @ 100 with a1; expired unfilled
        bob b1 is expired unfilled 1/3 locked 0 fees 0
        book |
    """)


def test_an_ioc_order_fills_what_it_can_and_the_rest_expires() -> None:
    market("""
        ann a1 sell 1 @ 100         => new
        ann a2 sell 1 @ 101         => new
        bob b1 buy 3 @ 100 ioc      => 1 @ 100 with a1; expired unfilled
        bob b2 buy 1 @ 101 ioc      => 1 @ 101 with a2; filled
        bob b3 buy 1 @ 101 ioc      => expired unfilled
        bob has 9799 USDT
        book |
    """)


def test_a_fok_order_fills_wholly_or_not_at_all() -> None:
    market("""
        ann a1 sell 1 @ 100             => new
        cat c1 sell 1 @ 101             => new
        bob b1 buy 2 @ 100 fok          => expired unfilled
        bob b2 buy 2.001 @ 101 fok      => expired unfilled
        bob has 10000 USDT
        book | 1 @ 100, 1 @ 101
        bob b3 buy 2 @ 101 fok          => 1 @ 100 with a1; 1 @ 101 with c1; filled
        book |
    """)


def test_a_fok_market_order_fills_wholly_or_not_at_all() -> None:
    market("""
        ann a1 sell 1 @ 100             => new
        bob b1 buy 2 market fok         => expired unfilled
        bob b2 buy 1 market fok         => 1 @ 100 with a1; filled
        bob b3 buy 1 @ 100              => new
        ann a2 sell 1.5 market fok      => expired unfilled
        ann a3 sell 1 market fok        => 1 @ 100 with b3; filled
        ann has 10200 USDT
    """)


def test_a_post_only_order_rests_or_is_refused() -> None:
    market("""
        ann a1 sell 1 @ 100                 => new
        bob b1 buy 1 @ 100 post-only        => rejected post_only_would_take
        bob b2 buy 1 @ 99.5 post-only       => new
        ann a2 sell 1 @ 99.5 post-only      => rejected post_only_would_take
        ann a3 sell 1 @ 100 post-only       => new
        book 1 @ 99.5 | 2 @ 100
    """)


def test_a_post_only_order_may_not_cross_an_own_order_either() -> None:
    market("""
        ann a1 sell 1 @ 100             => new
        ann a2 buy 1 @ 100 post-only    => rejected post_only_would_take
    """)


def test_a_post_only_ioc_order_that_takes_nothing_expires() -> None:
    market("""
        ann a1 sell 1 @ 100                 => new
        bob b1 buy 1 @ 99 ioc post-only     => expired unfilled
    """)


def test_a_taker_expires_where_it_meets_its_own_order() -> None:
    market("""
        bob b1 sell 1 @ 100     => new
        ann a1 sell 1 @ 100     => new
        cat c1 sell 1 @ 100     => new
        ann a2 buy 3 @ 100      => 1 @ 100 with b1; expired self_trade
        ann a2 is expired self_trade 1/3 locked 0 fees 0
        ann a1 is new 0/1 locked 1 fees 0
        book | 2 @ 100
    """)


@pytest.mark.parametrize("order", ["buy 1 @ 100", "buy 1 @ 100 ioc", "buy 1 market"])
def test_a_taker_that_meets_its_own_order_first_expires_unfilled(order: str) -> None:
    market(f"""
        ann a1 sell 1 @ 100     => new
        bob b1 sell 1 @ 100     => new
        ann a2 {order}          => expired self_trade
        ann has 10000 USDT
        book | 2 @ 100
    """)


def test_an_own_order_behind_the_last_fill_does_no_harm() -> None:
    market("""
        bob b1 sell 1 @ 100     => new
        ann a1 sell 1 @ 100     => new
        ann a2 buy 1 @ 100      => 1 @ 100 with b1; filled
    """)


def test_an_own_order_beyond_the_limit_does_no_harm() -> None:
    market("""
        bob b1 sell 1 @ 100     => new
        ann a1 sell 1 @ 101     => new
        ann a2 buy 2 @ 100      => 1 @ 100 with b1; partially_filled
        book 1 @ 100 | 1 @ 101
    """)


def test_a_sell_expires_where_it_meets_its_own_buy() -> None:
    market("""
        bob b1 buy 1 @ 101      => new
        ann a1 buy 1 @ 100      => new
        ann a2 sell 2 @ 100     => 1 @ 101 with b1; expired self_trade
        ann has 99 BTC
    """)


def test_a_market_order_keeps_its_fills_before_its_own_order() -> None:
    market("""
        bob b1 sell 1 @ 100     => new
        ann a1 sell 1 @ 101     => new
        cat c1 sell 1 @ 102     => new
        ann a2 buy 3 market     => 1 @ 100 with b1; expired self_trade
        ann has 9900 USDT
    """)


def test_a_fok_order_counts_only_what_comes_before_its_own_order() -> None:
    market("""
        bob b1 sell 1 @ 100         => new
        ann a1 sell 1 @ 100         => new
        cat c1 sell 5 @ 100         => new
        ann a2 buy 2 @ 100 fok      => expired unfilled
        ann a3 buy 2 market fok     => expired unfilled
        ann a4 buy 1 @ 100 fok      => 1 @ 100 with b1; filled
        book | 6 @ 100
    """)
