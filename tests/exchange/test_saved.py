"""A state that was saved and loaded decides everything as the one that was not."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.scenario import Scenario, check_play
from exchange.venue import Venue, bitcoin
from finalex.exchange import accounts, register
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState, SavedExchange
from finalex.model.commands import Credit
from finalex.model.events import Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import Side
from snapshots.logs import STEP_BYTES, Draw, Writer

commands = st.lists(st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES), max_size=120)


def reloaded(state: ExchangeState) -> ExchangeState:
    """Return a new state that went through the bytes of a saved one."""
    fresh = ExchangeState(state.instruments, state.open_orders_max)
    fresh.load(msgspec.json.decode(msgspec.json.encode(state.save()), type=SavedExchange))
    return fresh


@given(commands, st.integers(0, 120))
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_it_goes_on_identically_from_any_point(drawn: list[bytes], cut: int) -> None:
    writer = Writer()
    living = writer.engine
    loaded = Engine(reloaded(living.state))
    for number, data in enumerate(drawn):
        command = writer.command(Draw(data))
        assert loaded.execute(command, number) == living.execute(command, number)
        if number == cut:
            loaded = Engine(reloaded(loaded.state))
            assert loaded.state.state_hash() == living.state.state_hash()
    assert loaded.state.state_hash() == living.state.state_hash()
    assert msgspec.json.encode(loaded.state.save()) == msgspec.json.encode(living.state.save())
    assert loaded.state.users == living.state.users


def test_orders_keep_their_place_in_the_queue() -> None:
    venue = check_play("""
        credit ann 10 BTC
        credit bob 10 BTC
        credit cat 100000 USDT
        ann a1 sell 1 @ 100     => new
        bob b1 sell 2 @ 100     => new
        ann a2 sell 3 @ 100     => new
        bob b2 sell 1 @ 99      => new
    """)
    venue.engine = Engine(reloaded(venue.state))
    venue.state = venue.engine.state
    scenario = Scenario(venue)
    scenario.labels = {1: "a1", 2: "b1", 3: "a2", 4: "b2"}
    expected = "cat c1 buy 5 @ 100 => 1 @ 99 with b2; 1 @ 100 with a1; 2 @ 100 with b1; 1 @ 100 with a2; filled"
    scenario.step(expected, 1)
    scenario.step("ann a3 sell 2 @ 100 => new", 2)
    scenario.labels[6] = "a3"
    scenario.step("cat c2 buy 3 @ 100 => 2 @ 100 with a2; 1 @ 100 with a3; filled", 3)
    venue.check()


def test_what_was_seen_before_is_known_and_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "OUTCOMES_MAX", 2)
    monkeypatch.setattr(accounts, "REFERENCES_MAX", 2)
    venue = Venue()
    for reference in ("r1", "r2"):
        venue.send(Credit(user="ann", currency="USDT", amount=10**12, reference=reference))
    scenario = Scenario(venue)
    for line in ("ann o buy 1 @ 10 => new", "ann b buy 1 @ 0.5 => rejected price_out_of_bounds",
                 "ann a buy 1 @ 0.5 => rejected price_out_of_bounds"):  # fmt: skip
        scenario.step(line, 1)
    state = reloaded(venue.state)
    Engine(state).execute(Credit(user="ann", currency="USDT", amount=1, reference="r3"), 1)
    assert [state.booking("ann", reference) is not None for reference in ("r1", "r2", "r3")] == [False, True, True]

    venue.engine, venue.state = Engine(state), state
    scenario.step("ann c buy 1 @ 0.5 => rejected price_out_of_bounds", 2)
    assert [state.outcome("ann", label) is not None for label in "abco"] == [True, False, True, True]


def test_it_shares_nothing_that_changes() -> None:
    venue = check_play("credit ann 10 BTC\n ann a1 sell 1 @ 100 => new")
    copied = ExchangeState(venue.instruments)
    copied.load(venue.state.save())
    before = copied.state_hash()
    scenario = Scenario(venue)
    scenario.labels = {1: "a1"}
    scenario.step("ann cancel a1 => canceled a1", 1)
    assert copied.state_hash() == before != venue.state.state_hash()


def test_markets_from_outside_keep_their_count_of_trades() -> None:
    state = Venue().state
    state.apply(Traded(symbol="BTC/USDT", trade=77, price=1000, quantity=10, side=Side.BUY, time_ms=1))
    assert reloaded(state).next_trade("BTC/USDT") == 78


def test_amounts_may_be_larger_than_64_bits() -> None:
    venue = Venue()
    for number in range(3):
        venue.send(Credit(user="ann", currency="USDT", amount=2**62, reference=str(number)))
    saved = venue.state.save()
    balance = saved.accounts["ann"].balances["USDT"]
    huge = msgspec.structs.replace(balance, available=2**80)
    saved.accounts["ann"].balances["USDT"] = huge
    state = ExchangeState(venue.instruments)
    state.load(msgspec.json.decode(msgspec.json.encode(saved), type=SavedExchange))
    assert state.available("ann", "USDT") == 2**80


def test_a_book_of_an_unknown_symbol_is_not_taken_over() -> None:
    state = ExchangeState(Instruments([bitcoin()]))
    with pytest.raises(KeyError, match="ETH/USDT"):
        state.load(Venue().state.save())


def test_the_hash_does_not_depend_on_markets_where_nothing_happened() -> None:
    events = check_play("credit ann 10 BTC\n ann a1 sell 1 @ 100 => new").events
    hashes = set()
    for instruments in (Venue().instruments, Instruments([bitcoin()])):
        state = ExchangeState(instruments)
        for event in events:
            state.apply(event)
        hashes.add(state.state_hash())
    assert len(hashes) == 1
