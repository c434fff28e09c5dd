"""An engine, a gateway's venue, and a log between them whose every step the test takes."""

from finalex.cluster.leadership import Leadership
from finalex.cluster.venue import Clocks, RemoteVenue
from finalex.cluster.wire import OpenAccount, OutcomeBatch, SentCommand, SentOutcome
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome, Placed
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, Credit, PlaceOrder
from finalex.model.events import AnyEvent, Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side

TIMEOUT_MS = 5000
START_MS = 1_700_000_000_000


class Steps:
    """Alice has money, and the engine `first` leads."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.silent_ms = 0.0
        self.connected = True
        self.sent: list[tuple[str, SentCommand]] = []
        self.stored: list[Batch] = []
        self.engine = Engine(ExchangeState(DEFAULT_INSTRUMENTS))
        self.view = ExchangeState(DEFAULT_INSTRUMENTS)
        self.viewed = 0
        self.leadership = Leadership(lambda: self.silent_ms, lambda: self.connected)
        self.venue = RemoteVenue(
            lambda writer, command: self.sent.append((writer, command)),
            self.view,
            self.leadership,
            Clocks(lambda: self.now_ms, lambda: self.now_ms / 1000),
            TIMEOUT_MS,
            opens_accounts=True,
        )
        self.lead("first")
        for currency in ("BTC", "USDT"):
            self.execute(Credit(user="alice", currency=currency, amount=10**14, reference=currency))
        self.follow()

    def lead(self, writer: str) -> None:
        """Let the first record of another engine come."""
        if self.leadership.note(writer, leaving=False):
            self.venue.settle()

    def submit(self, command: Command) -> list[Outcome]:
        """Submit a command, and return the list that its outcomes come into."""
        outcomes: list[Outcome] = []
        self.venue.submit(command, outcomes.append)
        return outcomes

    def execute(self, *commands: Command) -> list[Outcome]:
        """Let the engine carry out commands as one batch, which the gateway does not know yet."""
        events: list[AnyEvent] = []
        outcomes = []
        for command in commands:
            happened, outcome = self.engine.execute(command, self.now_ms)
            events.extend(happened)
            outcomes.append(outcome)
        self.stored.append(Batch(sequence=len(self.stored) + 1, time_ms=self.now_ms, events=tuple(events)))
        return outcomes

    def carry_out(self, sent: SentCommand) -> OutcomeBatch:
        """Let the engine carry out what was sent to it, and return its answer."""
        assert not isinstance(sent.command, OpenAccount)
        (outcome,) = self.execute(sent.command)
        return OutcomeBatch(sequence=len(self.stored), items=[SentOutcome(sent.number, outcome)])

    def follow(self) -> None:
        """Let the gateway have all that is stored."""
        for batch in self.stored[self.viewed :]:
            self.venue.observe(batch)
            for event in batch.events:
                self.view.apply(event)
            self.viewed = batch.sequence
            self.venue.advance(batch.sequence)


def order(client_order_id: str | None = None, price: int = 45_000_00, quantity: int = 100_000) -> PlaceOrder:
    """Return an order of alice's that rests."""
    return PlaceOrder(
        user="alice",
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=quantity,
        price=price,
        client_order_id=client_order_id,
    )


def placed(steps: Steps, client_order_id: str | None = None) -> str:
    """Place an order that the gateway knows of, and return its id."""
    (outcome,) = steps.execute(order(client_order_id))
    assert isinstance(outcome, Placed)
    steps.follow()
    return outcome.order.id
