"""What can be read from the state, what its hash covers, and what it makes of events from outside."""

import pytest

from exchange.scenario import Scenario, check_play
from exchange.venue import Venue, replayed
from finalex.exchange.accounts import FEES_USER, Balance
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, Credit
from finalex.model.events import (
    AnyEvent,
    BookReset,
    BookWithdrawn,
    LevelsChanged,
    OrderAccepted,
    OrderEnded,
    OrderRested,
    Traded,
)
from finalex.model.instruments import Instruments
from finalex.model.orders import EndReason, OrderStatus, Side

FUNDED = """
    credit ann 100 BTC
    credit ann 100 USDT
    credit bob 10000 USDT
    credit bob 10 ETH
"""

OUTSIDE_TRADE = Traded(symbol="BTC/USDT", trade=77, price=1000, quantity=10, side=Side.BUY, time_ms=1)


def test_open_orders_come_oldest_first_of_one_symbol_or_of_all() -> None:
    venue = check_play(f"""{FUNDED}
        bob b1 buy 1 @ 12                   => new
        bob b2 sell 1 @ 90 on ETH/USDT      => new
        bob b3 buy 1 @ 10                   => new
        ann a1 sell 1 @ 12                  => 1 @ 12 with b1; filled
        bob b4 buy 1 @ 11                   => new
    """)
    labels = [order.client_order_id for order in venue.state.open_orders("bob")]
    assert labels == ["b2", "b3", "b4"]
    assert [o.client_order_id for o in venue.state.open_orders("bob", "BTC/USDT")] == ["b3", "b4"]
    assert venue.state.open_orders_count("bob") == 3
    assert venue.state.open_orders("nil") == []
    assert venue.state.open_orders_count("nil") == 0


def test_orders_are_found_by_number_while_they_are_open() -> None:
    venue = check_play(f"{FUNDED}\n bob b1 buy 1 @ 12 => new\n bob b2 buy 1 @ 12 ioc => expired unfilled")
    order = venue.state.order(1)
    assert order is not None
    assert order.client_order_id == "b1"
    assert venue.state.order(2) is None
    assert venue.state.outcome("bob", "b1") is order
    assert venue.state.outcome("bob", "b3") is None
    assert venue.state.outcome("nil", "b1") is None


def test_a_trade_changes_the_maker_then_the_taker() -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 2 @ 10 => new\n bob b1 buy 1 @ 10 => 1 @ 10 with a1; filled")
    state = ExchangeState(venue.instruments)
    changes = [state.apply(event) for event in venue.events]
    assert [[(o.number, o.status) for o in orders] for orders in changes] == [
        *[[]] * 4,
        [(1, OrderStatus.NEW)],
        [],
        [(2, OrderStatus.NEW)],
        [(1, OrderStatus.PARTIALLY_FILLED), (2, OrderStatus.FILLED)],
    ]


def test_an_order_knows_when_it_was_created_and_when_it_last_changed() -> None:
    venue = Venue()
    scenario = Scenario(venue)
    times = []
    for line in (
        "credit ann 9 BTC",
        "credit bob 100 USDT",
        "bob b1 buy 3 @ 12 => new",
        "ann a1 sell 1 @ 12 => 1 @ 12 with b1; filled",
        "bob cancel b1 => canceled b1",
    ):
        scenario.step(line, 1)
        order = venue.state.outcome("bob", "b1")
        times.append((order.created_ms, order.updated_ms) if order else None)
    assert times == [None, None, (1003, 1003), (1003, 1004), (1003, 1005)]


def test_balances_are_by_currency_in_order_of_arrival() -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 2 @ 10 => new")
    assert list(venue.state.balances("ann").items()) == [
        ("BTC", Balance(available=98 * 10**8, locked=2 * 10**8)),
        ("USDT", Balance(available=100 * 10**8)),
    ]
    assert dict(venue.state.balances("nil")) == {}
    assert venue.state.available("nil", "BTC") == 0
    assert venue.state.users == ["ann", "bob"]


def test_the_fee_account_exists_from_the_first_fee_on() -> None:
    venue = check_play(f"{FUNDED}\n ann a1 sell 2 @ 10 => new\n bob b1 buy 1 @ 10 => 1 @ 10 with a1; filled")
    assert not venue.state.exists(FEES_USER)  # without fees there is none


def test_levels_are_totals_and_resting_orders_come_in_trading_order() -> None:
    venue = check_play(f"""{FUNDED}
        bob b1 buy 1 @ 10       => new
        bob b2 buy 2 @ 11       => new
        bob b3 buy 3 @ 10       => new
    """)
    state = venue.state
    assert state.levels("BTC/USDT", Side.BUY) == [(1100, 20_000), (1000, 40_000)]
    assert state.levels("BTC/USDT", Side.SELL) == []
    assert [o.client_order_id for o in state.resting("BTC/USDT", Side.BUY)] == ["b2", "b1", "b3"]
    assert state.best("BTC/USDT", Side.BUY) == 1100
    assert state.best("BTC/USDT", Side.SELL) is None


@pytest.mark.parametrize(
    "event",
    [
        BookReset(symbol="BTC/USDT", bids=[(1, 1)], asks=[(2, 2)], time_ms=1),
        LevelsChanged(symbol="BTC/USDT", changes=[(Side.BUY, 1, 1)], time_ms=1),
        BookWithdrawn(symbol="BTC/USDT", reason="gap", time_ms=1),
        LevelsChanged(symbol="not/ours", changes=[], time_ms=1),
    ],
)
def test_books_of_markets_from_outside_change_nothing(event: AnyEvent) -> None:
    state = Venue().state
    before = state.state_hash()
    assert state.apply(event) == ()
    assert state.state_hash() == before


def test_trades_of_markets_from_outside_count() -> None:
    state = Venue().state
    before = state.state_hash()
    assert state.next_trade("BTC/USDT") == 1
    assert state.apply(OUTSIDE_TRADE) == ()
    assert state.state_hash() != before
    assert state.next_trade("BTC/USDT") == 78
    assert state.next_trade("ETH/USDT") == 1


@pytest.mark.parametrize(
    "line",
    [
        "credit cat 1 BTC",
        "credit ann 0.00000001 BTC",
        "bob b9 buy 1 @ 5 ioc => expired unfilled",
        "bob b9 buy 1 @ 0.5 => rejected price_out_of_bounds",
        "bob - buy 1 @ 0.5 => rejected price_out_of_bounds",  # leaves nothing behind but its number
        "ann a9 buy 1 @ 10 => 1 @ 10 with s1; filled",
        "bob cancel s1 => canceled s1",
        "bob b9 sell 1 @ 10 on ETH/USDT => new",
    ],
)
def test_everything_that_happens_changes_the_hash(line: str) -> None:
    start = f"{FUNDED}\n credit bob 5 BTC\n bob s1 sell 1 @ 10 => new\n"
    assert check_play(start + line).state.state_hash() != check_play(start).state.state_hash()


def test_the_hash_covers_the_places_in_a_queue() -> None:
    hashes = []
    for first, second in ((1, 2), (2, 1)):
        venue = Venue()
        for user in ("ann", "bob"):
            venue.send(Credit(user=user, currency="BTC", amount=10**9, reference="r"))
        accepted = check_play("ann a sell 1 @ 10 => new\n bob b sell 1 @ 10 => new", venue).events
        state = replayed(venue.instruments, [event for event in accepted if not isinstance(event, OrderRested)])
        for number in (first, second):
            state.apply(
                OrderRested(order=number, symbol="BTC/USDT", side=Side.SELL, price=1000, quantity=10_000, time_ms=1)
            )
        hashes.append(state.state_hash())
    assert hashes[0] != hashes[1]


def test_the_hash_does_not_depend_on_who_came_first_or_how_symbols_are_listed() -> None:
    venue = Venue()
    turned = Instruments(reversed(list(venue.instruments.values())))
    one, other = ExchangeState(venue.instruments), ExchangeState(turned)
    credited = [
        event
        for user in ("ann", "bob")
        for event in venue.send(Credit(user=user, currency="BTC", amount=1, reference="r"))[0]
    ]
    for event in credited:
        one.apply(event)
    for event in reversed(credited):
        other.apply(event)
    assert one.state_hash() == other.state_hash()


def test_events_of_another_exchange_are_not_taken_in() -> None:
    venue = check_play(f"{FUNDED}\n bob b1 buy 1 @ 12 => new")
    unknown = OrderEnded(
        order=9,
        user="bob",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=1200,
        quantity=1,
        rested=True,
        reason=EndReason.CANCELED,
        time_ms=1,
    )
    with pytest.raises(KeyError):
        venue.state.apply(unknown)
    poor = Venue()
    poor.send(Credit(user="bob", currency="USDT", amount=1, reference="r"))
    with pytest.raises(ValueError, match="negative"):
        poor.state.apply(next(event for event in venue.events if isinstance(event, OrderAccepted)))


def test_a_canceled_orders_id_sorts_by_time_and_reads_back() -> None:
    venue = check_play(f"{FUNDED}\n bob b1 buy 1 @ 12 => new\n bob b2 buy 1 @ 12 => new")
    first, second = venue.state.open_orders("bob")
    assert first.id < second.id
    venue.send(CancelOrder(user="bob", order_id=second.id))
    assert venue.state.open_orders("bob") == [first]
