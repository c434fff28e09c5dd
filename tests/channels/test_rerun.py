"""The rerun publishes again exactly what followed a place, from any past before it."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.feed import INSTRUMENTS, Feed, Market, of
from finalex.channels.own_orders import OwnOrders
from finalex.channels.past import HoleError, Past, is_within
from finalex.channels.places import TradePlace, batch_end, order_place, trade_place
from finalex.channels.rerun import Rerun
from finalex.channels.resumable import Want
from finalex.model.commands import CancelAllOrders
from finalex.model.events import Batch, BookWithdrawn
from finalex.model.orders import Side, TimeInForce
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

USERS = ("ann", "bob")
SYMBOL = "BTC/USDT"
TRADES = Stream("trades", SYMBOL)
STREAMS = (
    TRADES,
    *(Stream("orders", symbol, user="ann") for symbol in ("", SYMBOL)),
    *(Stream("user_trades", symbol, user="ann") for symbol in ("", SYMBOL)),
)
MANY = 100_000


class Recorded(Market):
    """A market that keeps its log, and what of the past each batch left."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.pasts = [Past()]
        self.published: dict[int, list[Publication]] = {}

    def batch(self, *events: object) -> list[Publication]:
        published = super().batch(*events)  # type: ignore[arg-type]
        self.batches.append(Batch(sequence=self.hub.sequence, time_ms=self.now_ms, events=events))  # type: ignore[arg-type]
        self.pasts.append(self.past())
        self.published[self.hub.sequence] = published
        return published

    def past(self) -> Past:
        """Return what is so now."""
        trades = {symbol: self.hub.state.next_trade(symbol) - 1 for symbol in INSTRUMENTS}
        number = self.hub.want(STREAMS[1], batch_end(0)).number
        return Past(self.hub.sequence, trades, self.hub.open_orders("ann"), number)

    def want(self, stream: Stream, text: str) -> Want:
        """Return all that followed the message with this id."""
        place = self.hub.place(stream, text)
        assert place is not None
        return self.hub.want(stream, place)

    def rerun(self, past: Past, *wants: Want) -> list[Publication]:
        """Return what is published again."""
        assert all(is_within(want, past, MANY) for want in wants)
        rerun = Rerun(INSTRUMENTS, past, wants)
        told = [p for batch in self.batches if batch.sequence > past.sequence for p in rerun.apply(batch)]
        return told + rerun.finish()


def on(stream: Stream, publications: Sequence[Publication]) -> list[Publication]:
    """Return what of `publications` is of one stream, as if it were of no other."""
    return [p._replace(streams=(stream,)) for p in publications if stream in p.streams]


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(("place", "place", "place", "take", "cancel", "wait")),
        st.sampled_from(USERS),
        st.sampled_from(Side),
        st.sampled_from((SYMBOL, "ETH/USDT")),
        st.integers(0, 2),
    ),
    min_size=5,
    max_size=30,
)


def play(market: Recorded, commands: Sequence[tuple[str, str, Side, str, int]]) -> None:
    market.fund(*USERS)
    for kind, user, side, symbol, step in commands:
        price, quantity = (1000 + 50 * step, 10_000) if symbol == SYMBOL else (10 + step, 1)
        match kind:
            case "place":
                market.place(user, side, quantity, price, symbol=symbol)
            case "take":
                market.place(user, side, 2 * quantity, price, symbol=symbol, time_in_force=TimeInForce.IOC)
            case "cancel":
                market.send(CancelAllOrders(user=user, symbol=symbol))
            case _:
                market.after(100).batch()


@given(commands=COMMANDS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_from_every_place_and_every_past_before_it_comes_exactly_what_followed(
    commands: list[tuple[str, str, Side, str, int]], data: st.DataObject
) -> None:
    market = Recorded()
    play(market, commands)
    for stream in STREAMS:
        published = on(stream, market.seen)
        for number, message in enumerate(published):
            want = market.want(stream, message.id)
            pasts = [past for past in market.pasts if is_within(want, past, MANY)]
            assert market.rerun(data.draw(st.sampled_from(pasts)), want) == published[number + 1 :]


@given(commands=COMMANDS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_opening_that_broke_off_is_told_to_its_end(
    commands: list[tuple[str, str, Side, str, int]], data: st.DataObject
) -> None:
    market = Recorded()
    play(market, commands[: len(commands) // 2])
    stream, subscription = STREAMS[1], Subscription("orders")
    opening, before = on(stream, market.hub.opening(stream, subscription)), len(market.seen)
    at = len(market.pasts)
    play(market, commands[len(commands) // 2 :])
    for number, message in enumerate(opening):
        want = market.want(stream, message.id)
        followed = opening[number + 1 :] + on(stream, market.seen[before:])
        assert market.rerun(data.draw(st.sampled_from(market.pasts[:at])), want) == followed
        assert not any(is_within(want, past, MANY) for past in market.pasts[at:])


def test_a_further_round_goes_on_from_the_end_of_a_batch() -> None:
    market = Recorded()
    play(market, [("place", user, side, SYMBOL, 0) for _ in range(3) for user, side in zip(USERS, Side, strict=True)])
    for stream in STREAMS[1:]:
        for past in market.pasts:
            want = market.hub.want(stream, batch_end(past.sequence))
            later = [
                p
                for batch in market.batches
                if batch.sequence > past.sequence
                for p in market.published[batch.sequence]
            ]
            assert market.rerun(past, want) == market.rerun(Past(), want) == on(stream, later)


def test_several_streams_come_each_from_its_own_place() -> None:
    market = Recorded()
    play(market, [("place", user, side, SYMBOL, 0) for _ in range(6) for user, side in zip(USERS, Side, strict=True)])
    wants = [market.want(stream, on(stream, market.seen)[place].id) for place, stream in enumerate(STREAMS)]
    told = market.rerun(Past(), *wants)
    for place, stream in enumerate(STREAMS):
        assert on(stream, told) == on(stream, market.seen)[place + 1 :]
    assert sum(len(p.streams) for p in told) > len(told)


def test_an_account_is_followed_as_the_exchange_follows_it() -> None:
    market = Recorded()
    play(market, [("place", "ann", Side.SELL, SYMBOL, step) for step in (0, 1, 2)])
    market.place("bob", Side.BUY, 15_000, 1050)
    own = OwnOrders(INSTRUMENTS, "ann", ())
    for event in (event for batch in market.batches for event in batch.events):
        if own.concerns(event):
            own.apply(event)
    assert own.open_orders("ann") == market.hub.open_orders("ann") != []
    assert own.open_orders("ann", "ETH/USDT") == own.open_orders("bob") == []


def test_events_of_unknown_markets_and_of_books_concern_nobody() -> None:
    feed = Feed()
    own = OwnOrders(INSTRUMENTS, "ann", ())
    foreign = feed.traded(100, symbol="DOGE/USDT", maker="ann", maker_order=1)
    assert not own.concerns(foreign)
    assert not own.concerns(BookWithdrawn(symbol=SYMBOL, reason="", time_ms=1))
    assert own.apply(BookWithdrawn(symbol=SYMBOL, reason="", time_ms=1)) == ()


# --- what a past can tell ---


def test_trades_are_told_from_right_after_the_last_one_of_the_past() -> None:
    want = Want(TRADES, TradePlace(SYMBOL, 7), 100, 20)
    assert [is_within(want, Past(50, {SYMBOL: last}), 13) for last in (6, 7, 8)] == [True, True, False]
    assert is_within(want, Past(), 13)
    assert not is_within(want, Past(), 12)


def test_ones_own_trades_are_told_when_the_trade_itself_came_after_the_past() -> None:
    want = Want(Stream("user_trades", user="ann"), TradePlace(SYMBOL, 7), 100, 20)
    assert [is_within(want, Past(50, {SYMBOL: last}), MANY) for last in (6, 7)] == [True, False]


def test_orders_are_told_when_the_place_is_not_before_the_past() -> None:
    stream = Stream("orders", user="ann")
    texts = ("orders:49-0", "orders:50-0-t", "orders:51-0", "orders:49-1:snapshot", "orders:50-1:snapshot")
    wants = [Want(stream, order_place(text), 100, 20) for text in texts]
    wants.append(Want(stream, batch_end(50), 100, 20))
    assert [is_within(want, Past(50), MANY) for want in wants] == [False, False, True, False, True, True]
    assert [is_within(wants[2], Past(50, number=number), 15) for number in (4, 5)] == [False, True]


# --- what must not happen ---


def traded(*numbers: int) -> Batch:
    feed = Feed()
    return Batch(sequence=1, time_ms=1, events=tuple(feed.traded(100, trade=number) for number in numbers))


@pytest.mark.parametrize("numbers", [(3, 5), (4,), (3, 3, 5)])
def test_a_missing_trade_is_found(numbers: tuple[int, ...]) -> None:
    want = Want(TRADES, trade_place("trades", SYMBOL, "trades:BTC/USDT:2"), 100, 5)
    with pytest.raises(HoleError):
        Rerun(INSTRUMENTS, Past(), [want]).apply(traded(*numbers))


def test_a_log_that_ends_too_early_is_found() -> None:
    rerun = Rerun(INSTRUMENTS, Past(), [Want(TRADES, TradePlace(SYMBOL, 2), 100, 5)])
    assert [p.id for p in rerun.apply(traded(1, 2, 3, 4))] == ["trades:BTC/USDT:3", "trades:BTC/USDT:4"]
    assert not rerun.done
    with pytest.raises(HoleError):
        rerun.finish()


def test_trades_after_the_last_one_wanted_are_left_to_others() -> None:
    rerun = Rerun(INSTRUMENTS, Past(), [Want(TRADES, TradePlace(SYMBOL, 2), 100, 3)])
    assert [p.id for p in rerun.apply(traded(1, 2, 3, 4))] == ["trades:BTC/USDT:3"]
    assert rerun.done
    assert rerun.finish() == []


def test_private_messages_that_are_missing_are_found() -> None:
    market = Recorded()
    market.fund("ann")
    market.place("ann", Side.BUY, 10_000, 1000)
    want = Want(STREAMS[1], batch_end(0), market.hub.sequence, 4)
    assert len(market.rerun(Past(), want)) == 1
    market.batches.pop(1)
    with pytest.raises(HoleError):
        market.rerun(Past(), want)


def test_batches_after_the_last_one_wanted_are_left_to_others() -> None:
    market = Recorded()
    market.fund("ann")
    want = market.hub.want(STREAMS[1], batch_end(0))
    market.place("ann", Side.BUY, 10_000, 1000)
    assert of(market.rerun(Past(), want), "order_update") == []


def test_an_opening_after_batches_that_a_crash_lost_is_where_it_was() -> None:
    market = Recorded()
    market.fund("ann")
    for price in (1000, 900):
        market.place("ann", Side.BUY, 10_000, price)
    market.batch()
    opening = market.opening("orders", "ann")
    market.batches.pop()  # the batch that only said that time passed
    want = market.want(STREAMS[1], opening[0].id)
    assert market.rerun(Past(), want) == on(STREAMS[1], opening[1:])
    market.place("ann", Side.BUY, 10_000, 950)
    want = market.want(STREAMS[1], opening[0].id)
    assert [p.id for p in market.rerun(Past(), want)] == [opening[1].id, f"orders:{market.hub.sequence}-0"]
