"""Fills on paper on the private channels: told once, told again, and nowhere else."""

from collections.abc import Sequence

from finalex.channels.hub import Hub
from finalex.channels.past import Past
from finalex.channels.places import LogPlace, TradePlace
from finalex.channels.rerun import Rerun
from finalex.exchange.paper_engine import PaperEngine
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Credit, PlaceOrder
from finalex.model.events import AnyEvent, Batch, BookReset, LevelsChanged, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.protocol.messages import Publication
from finalex.protocol.streams import Stream

SYMBOL = "BTC/USDT"
BTC = DEFAULT_INSTRUMENTS[SYMBOL]
ALICE = "alice"
FILLS = Stream("user_trades", user=ALICE)
ORDERS = Stream("orders", user=ALICE)
PUBLIC = (Stream("trades", SYMBOL), Stream("orderbook", SYMBOL, depth=20))
LOT = 10_000_000


class Market:
    """A market from outside, what is traded there on paper, and the hub that publishes it."""

    def __init__(self) -> None:
        self.engine = PaperEngine(ExchangeState(DEFAULT_INSTRUMENTS))
        self.hub = Hub(DEFAULT_INSTRUMENTS)
        self.batches: list[Batch] = []
        self.published: list[Publication] = []
        self._trades = 0

    def play(self) -> None:
        """Let one account take, wait, and be filled by a trade and by the book, between trades of others."""
        self.command(Credit(user=ALICE, currency="USDT", amount=10**14, reference="first"))
        self.happen(BookReset(symbol=SYMBOL, bids=[(99_00, LOT)], asks=[(101_00, LOT)], time_ms=1))
        for _ in range(4):
            self.trade(100_00)
        self.command(order(101_00, 2 * LOT))
        self.command(order(98_00, 4 * LOT))
        for _ in range(3):
            self.trade(98_00)
        self.trade(97_00)
        self.happen(
            LevelsChanged(symbol=SYMBOL, changes=[(Side.BUY, 99_00, 0), (Side.SELL, 98_00, 9 * LOT)], time_ms=9)
        )

    def trade(self, price: int) -> None:
        self._trades += 1
        self.happen(Traded(symbol=SYMBOL, trade=self._trades, price=price, quantity=LOT, side=Side.SELL, time_ms=9))

    def happen(self, event: AnyEvent) -> None:
        self.append(self.engine.follow([event]))

    def command(self, command: Credit | PlaceOrder) -> None:
        self.append(self.engine.execute(command, 5)[0])

    def append(self, events: Sequence[AnyEvent]) -> None:
        batch = Batch(sequence=len(self.batches) + 1, time_ms=9, events=tuple(events))
        self.batches.append(batch)
        self.published += self.hub.apply(batch, {FILLS, ORDERS, *PUBLIC})

    def of(self, stream: Stream) -> list[Publication]:
        return [each for each in self.published if stream in each.streams]


def order(price: int, quantity: int) -> PlaceOrder:
    return PlaceOrder(user=ALICE, symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, quantity=quantity, price=price)


def played() -> Market:
    market = Market()
    market.play()
    return market


def ids(publications: Sequence[Publication]) -> list[str]:
    return [publication.id for publication in publications]


def test_the_public_channels_show_what_is_outside_alone() -> None:
    market, outside = played(), Hub(DEFAULT_INSTRUMENTS)
    public = (Traded, BookReset, LevelsChanged)
    expected = [
        publication
        for batch in market.batches
        for publication in outside.apply(
            Batch(
                sequence=batch.sequence,
                time_ms=batch.time_ms,
                events=tuple(event for event in batch.events if isinstance(event, public)),
            ),
            PUBLIC,
        )
    ]
    for stream in PUBLIC:
        assert market.of(stream) == [each for each in expected if stream in each.streams]
        assert market.of(stream)


def test_fills_have_numbers_of_their_own() -> None:
    market = played()
    assert ids(market.of(FILLS)) == [f"user_trades:{SYMBOL}:{number}" for number in range(1, 7)]
    assert market.hub.state.state_hash() == market.engine.state.state_hash()


def test_everything_since_any_place_is_told_again_from_memory_and_from_the_log() -> None:
    market = played()
    for stream in (FILLS, ORDERS):
        messages = market.of(stream)
        assert len(messages) >= 6
        for index, message in enumerate(messages):
            place = market.hub.place(stream, message.id)
            assert isinstance(place, TradePlace | LogPlace)
            since = market.hub.since(stream, place)
            assert isinstance(since, list)
            assert ids(since) == ids(messages[index + 1 :])
            rerun = Rerun(DEFAULT_INSTRUMENTS, Past(), [market.hub.want(stream, place)])
            told = [each for batch in market.batches for each in rerun.apply(batch)] + rerun.finish()
            assert [(each.id, each.data) for each in told] == [(each.id, each.data) for each in messages[index + 1 :]]


def test_a_hub_that_was_saved_goes_on_alike() -> None:
    market = played()
    for end in range(len(market.batches)):
        hub = Hub(DEFAULT_INSTRUMENTS)
        for batch in market.batches[:end]:
            hub.apply(batch, ())
        loaded = Hub(DEFAULT_INSTRUMENTS)
        loaded.load(hub.save())
        published = [each for batch in market.batches[end:] for each in loaded.apply(batch, {FILLS, ORDERS})]
        expected = [each for each in market.published if each.streams[0] not in PUBLIC]
        assert ids(published) == ids(expected[len(expected) - len(published) :])
        assert loaded.state.state_hash() == market.hub.state.state_hash()
