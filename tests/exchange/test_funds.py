"""What orders reserve, pay and receive, and the fees: to the last unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.scenario import check_play
from exchange.venue import Venue, bitcoin, ether
from finalex.exchange.accounts import FEES_USER
from finalex.exchange.funds import fee

FUNDED = """
    credit ann 100 BTC
    credit bob 10000 USDT
"""


def with_fees(maker_fee_ppm: int = 800, taker_fee_ppm: int = 1000) -> Venue:
    return Venue(bitcoin(maker_fee_ppm, taker_fee_ppm), ether("USDT", maker_fee_ppm, taker_fee_ppm))


def test_a_buy_reserves_price_times_quantity_and_a_sell_its_quantity() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100         => new
        bob b1 buy 3 @ 50           => new
        ann has 98 + 2 locked BTC
        bob has 9850 + 150 locked USDT
        ann a1 is new 0/2 locked 2 fees 0
        bob b1 is new 0/3 locked 150 fees 0
    """)


def test_a_cancel_releases_what_was_reserved() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100         => new
        bob b1 buy 3 @ 50           => new
        ann cancel a1               => canceled a1
        bob cancel b1               => canceled b1
        ann has 100 BTC
        bob has 10000 USDT
        bob b1 is canceled 0/3 locked 0 fees 0
    """)


def test_a_partly_filled_order_keeps_the_rest_reserved_until_it_ends() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100         => new
        bob b1 buy 0.5 @ 100        => 0.5 @ 100 with a1; filled
        ann has 98 + 1.5 locked BTC
        ann has 50 USDT
        ann a1 is partially_filled 0.5/2 locked 1.5 fees 0
        ann cancel a1               => canceled a1
        ann a1 is canceled 0.5/2 locked 0 fees 0
        ann has 99.5 BTC
    """)


def test_a_buy_that_fills_below_its_limit_gets_the_difference_back_at_once() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 1 @ 100         => new
        bob b1 buy 3 @ 150          => 1 @ 100 with a1; partially_filled
        bob has 9600 + 300 locked USDT
        bob b1 is partially_filled 1/3 locked 300 fees 0
    """)


def test_fees_are_taken_from_what_each_side_receives() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 2 @ 100         => new
        bob b1 buy 1 @ 100          => 1 @ 100 with a1; filled
        ann has 99.92 USDT          # the maker gets 100 USDT and pays 0.08 %
        ann has 98 + 1 locked BTC
        bob has 0.999 BTC           # the taker gets 1 BTC and pays 0.1 %
        bob has 9900 USDT
        {FEES_USER} has 0.08 USDT
        {FEES_USER} has 0.001 BTC
        ann a1 is partially_filled 1/2 locked 1 fees 0.08
        bob b1 is filled 1/1 locked 0 fees 0.001
    """,
        with_fees(),
    )


def test_the_roles_decide_the_fee_not_the_sides() -> None:
    check_play(
        f"""{FUNDED}
        bob b1 buy 1 @ 100          => new
        ann a1 sell 1 @ 100         => 1 @ 100 with b1; filled
        ann has 99.9 USDT
        bob has 0.9992 BTC
    """,
        with_fees(),
    )


def test_fees_add_up_over_the_fills_of_an_order() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 1 @ 100         => new
        ann a2 sell 1 @ 200         => new
        bob b1 buy 2 market         => 1 @ 100 with a1; 1 @ 200 with a2; filled
        bob b1 is filled 2/2 locked 0 fees 0.002
        ann has 299.76 USDT
        bob has 9700 USDT
    """,
        with_fees(),
    )


def test_a_fee_is_rounded_up_to_the_unit() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 0.05 @ 100      => new
        bob b1 buy 0.05 market      => 0.05 @ 100 with a1; filled
        bob b1 is filled 0.05/0.05 locked 0 fees 0.00000005
        ann a1 is filled 0.05/0.05 locked 0 fees 0.000005
    """,
        with_fees(maker_fee_ppm=1, taker_fee_ppm=1),
    )
    check_play(
        f"""{FUNDED}
        ann a1 sell 0.051 @ 100.50  => new
        bob b1 buy 0.051 market     => 0.051 @ 100.5 with a1; filled
        bob b1 is filled 0.051/0.051 locked 0 fees 0.00001704   # 0.051 BTC x 0.000334 = 0.000017034
        ann a1 is filled 0.051/0.051 locked 0 fees 0.0017068    # 5.1255 USDT x 0.000333 = 0.0017067915
    """,
        with_fees(maker_fee_ppm=333, taker_fee_ppm=334),
    )


def test_a_fee_may_take_all_that_is_received() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 1 @ 100         => new
        bob b1 buy 1 @ 100          => 1 @ 100 with a1; filled
        ann has 0 USDT
        bob has 0 BTC
        {FEES_USER} has 1 BTC
        {FEES_USER} has 100 USDT
    """,
        with_fees(maker_fee_ppm=1_000_000, taker_fee_ppm=1_000_000),
    )


def test_all_funds_can_be_spent_whatever_the_fee() -> None:
    check_play(
        """
        credit ann 1 BTC
        credit bob 100 USDT
        ann a1 sell 1 @ 100         => new
        bob b1 buy 1 @ 100          => 1 @ 100 with a1; filled
        bob has 0 USDT
        ann has 0 BTC
    """,
        with_fees(maker_fee_ppm=250_000, taker_fee_ppm=500_000),
    )


def test_what_is_received_can_be_spent_at_once() -> None:
    check_play("""
        credit ann 1 BTC
        credit bob 100 USDT
        ann a1 sell 1 @ 100         => new
        bob b1 buy 1 @ 100          => 1 @ 100 with a1; filled
        bob b2 sell 1 @ 200         => new
        ann a2 buy 0.5 @ 200        => 0.5 @ 200 with b2; filled
        bob has 100 USDT
    """)


def test_one_currency_can_be_the_base_of_one_symbol_and_the_quote_of_another() -> None:
    check_play(
        """
        credit ann 10 ETH
        credit bob 10 BTC
        credit cat 1000 USDT
        ann a1 sell 10 @ 1 on ETH/BTC       => new
        bob b1 sell 2 @ 100                 => new
        cat c1 buy 2 @ 100                  => 2 @ 100 with b1; filled
        cat c2 buy 2 @ 1 on ETH/BTC         => 2 @ 1 with a1; filled
        ann has 2 BTC
        cat has 0 BTC
        cat has 2 ETH
    """,
        Venue(bitcoin(), ether("BTC")),
    )


@pytest.mark.parametrize(
    ("received", "ppm", "expected"),
    [
        (1_000_000, 1000, 1000),
        (1_000_001, 1000, 1001),
        (999_999, 1000, 1000),
        (1, 1, 1),
        (1, 1_000_000, 1),
        (0, 1000, 0),
        (123, 0, 0),
    ],
)
def test_a_fee_is_the_share_rounded_up(received: int, ppm: int, expected: int) -> None:
    assert fee(received, ppm) == expected


@given(st.integers(0, 2**63), st.integers(0, 1_000_000))
def test_a_fee_is_never_above_what_is_received_and_less_than_a_unit_too_high(received: int, ppm: int) -> None:
    assert 0 <= fee(received, ppm) <= received
    assert 0 <= fee(received, ppm) * 1_000_000 - received * ppm < 1_000_000
