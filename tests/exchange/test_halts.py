"""The states of a market, and the rules that guard against slips of a finger."""

import pytest
from msgspec.structs import replace

from exchange.scenario import check_play
from exchange.venue import Venue, bitcoin, ether
from finalex.exchange.halts import NOT_HALTED, Halt
from finalex.exchange.outcomes import Canceled, Done
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, SetMarketState
from finalex.model.events import MarketStateChanged
from finalex.model.states import MarketState

FUNDED = """
    credit ann 1000 BTC
    credit ann 1000000 USDT
    credit bob 1000 BTC
    credit bob 1000000 USDT
"""


def test_a_halted_market_stays_as_it_is() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        halted BTC/USDT
        bob b1 buy 1 @ 100               => rejected market_halted
        bob b2 buy 1 @ 99 post-only      => rejected market_halted
        bob b3 buy 1 market              => rejected market_halted
        ann cancel a1                    => frozen
        ann cancel all                   => canceled
        book | 2 @ 100
        open BTC/USDT
        bob b4 buy 1 @ 100               => 1 @ 100 with a1; filled
        ann cancel a1                    => canceled a1
    """)


def test_in_a_cancel_only_market_orders_are_canceled_and_none_is_placed() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        ann a2 sell 2 @ 101              => new
        cancel_only BTC/USDT
        bob b1 buy 1 @ 99 post-only      => rejected market_cancel_only
        ann cancel a1                    => canceled a1
        ann cancel all                   => canceled a2
    """)


def test_a_post_only_market_takes_what_adds_to_its_book() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        post_only BTC/USDT
        bob b1 buy 1 @ 99                => rejected market_post_only
        bob b2 buy 1 market              => rejected market_post_only
        bob b3 buy 1 @ 99 post-only      => new
        bob b4 buy 1 @ 100 post-only     => rejected post_only_would_take
        ann cancel a1                    => canceled a1
    """)


def test_the_other_markets_go_on() -> None:
    venue = Venue(bitcoin(), ether())
    check_play(
        f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        ann a2 buy 2 @ 50 on ETH/USDT    => new
        halted BTC/USDT
        ann a3 buy 2 @ 50 on ETH/USDT    => new
        ann cancel all                   => canceled a2 a3
        book | 2 @ 100
    """,
        venue,
    )


def test_an_order_seen_before_has_its_outcome_in_a_halted_market_too() -> None:
    check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        halted BTC/USDT
        ann a1 sell 2 @ 100              => known; new
    """)


def test_cancel_on_disconnect_works_in_a_halted_market() -> None:
    venue = check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        halted BTC/USDT
    """)

    _, outcome = venue.send(CancelOrder(user="ann", client_order_id="a1", always=True))

    assert isinstance(outcome, Canceled)
    assert venue.state.open_orders("ann") == []


def test_a_state_is_an_event_and_the_same_again_is_none() -> None:
    venue = Venue()
    command = SetMarketState(symbol="BTC/USDT", state=MarketState.HALTED, reason="prices look wrong")

    events, outcome = venue.send(command)
    assert [type(event) for event in events] == [MarketStateChanged]
    assert outcome == Done()
    assert venue.send(command) == ((), Done(earlier=True))
    assert venue.state.halt("BTC/USDT") == Halt(MarketState.HALTED, "prices look wrong")


def test_an_open_market_needs_no_event_to_be_open() -> None:
    venue = Venue()

    assert venue.send(SetMarketState(symbol="BTC/USDT", state=MarketState.OPEN)) == ((), Done(earlier=True))
    assert venue.state.halt("BTC/USDT") == NOT_HALTED


def test_an_unknown_market_cannot_be_halted() -> None:
    with pytest.raises(KeyError):
        Venue().send(SetMarketState(symbol="XYZ/USDT", state=MarketState.HALTED))


def test_states_and_last_prices_are_saved() -> None:
    venue = check_play(f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        bob b1 buy 1 @ 100               => 1 @ 100 with a1; filled
        halted BTC/USDT
    """)
    loaded = ExchangeState(venue.instruments)
    loaded.load(venue.state.save())

    assert loaded.halt("BTC/USDT").state is MarketState.HALTED
    assert loaded.last_price("BTC/USDT") == 100_00
    assert loaded.state_hash() == venue.state.state_hash()


def test_a_price_may_be_worse_than_the_last_by_no_more_than_the_band() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 5 @ 100              => new
        ann a2 buy 5 @ 90                => new
        ann a3 buy 5 @ 80                => new
        bob b1 buy 1 @ 900               => 1 @ 100 with a1; filled # no trade yet: nothing to compare with
        bob b2 buy 1 @ 110.5             => rejected price_outside_band
        bob b3 buy 1 @ 110               => 1 @ 100 with a1; filled
        bob b4 sell 1 @ 89.5             => rejected price_outside_band
        bob b5 sell 1 @ 90               => 1 @ 90 with a2; filled
        bob b6 sell 1 @ 900              => new # a better price is no slip
        bob b7 buy 3 @ 2                 => new
    """,
        Venue(replace(bitcoin(), price_band_ppm=100_000)),
    )


def test_a_market_order_may_not_reach_beyond_the_band() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 2 @ 100              => new
        ann a2 sell 2 @ 120              => new
        bob b1 buy 1 market              => 1 @ 100 with a1; filled
        bob b2 buy 2 market              => rejected price_outside_band
        bob b3 buy 1 market              => 1 @ 100 with a1; filled
    """,
        Venue(replace(bitcoin(), price_band_ppm=100_000)),
    )


def test_an_order_may_be_worth_no_more_than_the_maximum() -> None:
    check_play(
        f"""{FUNDED}
        ann a1 sell 10 @ 100             => new
        ann a2 sell 10.001 @ 100         => rejected notional_too_large
        bob b1 buy 10 market             => 10 @ 100 with a1; filled
        ann a3 sell 9 @ 110              => new
        ann a4 sell 9 @ 110              => new
        bob b2 buy 9.1 market            => rejected notional_too_large
        bob b3 buy 9 market              => 9 @ 110 with a3; filled
    """,
        Venue(replace(bitcoin(), notional_max=1000 * 10**8)),
    )


@pytest.mark.parametrize(
    "wrong", [{"notional_max": -1}, {"price_band_ppm": -1}, {"price_band_ppm": 10_000_001}, {"notional_max": 1}]
)
def test_a_rule_that_makes_no_sense_is_no_instrument(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="BTC/USDT: "):
        replace(bitcoin(), **wrong)
