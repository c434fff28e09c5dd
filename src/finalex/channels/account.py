"""`account`: a user's balances."""

from finalex.channels.channel import Channel, Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.private import Counts
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.events import Credited, Debited, OrderAccepted, OrderEnded, PaperFilled, Traded
from finalex.model.instruments import Instruments
from finalex.protocol.messages import AccountData, BalanceData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class SavedAccount(SavedChannel, frozen=True):
    """Where in the log and when each account last changed, and how many private messages each has had."""

    changed: dict[str, tuple[int, int]]
    counts: dict[str, int]


class AccountChannel(Channel):
    """Publishes all non-zero balances once after each batch that changed the account.

    For every account it keeps where in the log and when it last changed, as the exchange keeps its balances.
    """

    name = "account"
    private = True
    saved = SavedAccount

    def __init__(self, instruments: Instruments, state: ExchangeState, counts: Counts) -> None:
        self._state = state
        self._counts = counts
        self._order = {currency: place for place, currency in enumerate(instruments.currencies)}
        self._changed: dict[str, tuple[int, int]] = {}
        self._batch: dict[str, None] = {}  # who changed in this batch, in order

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {
            OrderAccepted: self._one,
            OrderEnded: self._one,
            Credited: self._one,
            Debited: self._one,
            Traded: self._trade,
            PaperFilled: self._one,
        }

    def stream(self, subscription: Subscription) -> Stream:  # noqa: ARG002 (this channel has no parameters)
        """See `Channel.stream`."""
        return Stream(self.name)

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the balances as they are now; an account that never changed is empty, as of now.

        The message has the number of the account's last one.
        """
        sequence, time_ms = self._changed.get(newcomer.stream.user, (newcomer.sequence, newcomer.time_ms))
        number = self._counts.last(newcomer.stream.user)
        return [self._publication(newcomer.stream, number, sequence, time_ms)]

    def finish(self, turn: Turn) -> None:
        """Publish the accounts that the batch changed."""
        for user in self._batch:
            number, stream = self._counts.next(user), Stream(self.name, user=user)
            if stream in turn.wanted:
                turn.publications.append(self._publication(stream, number, *self._changed[user]))
        self._batch.clear()

    def _one(self, turn: Turn, event: OrderAccepted | OrderEnded | Credited | Debited | PaperFilled) -> None:
        self._touch(turn, event.user, event.time_ms)

    def _trade(self, turn: Turn, trade: Traded) -> None:
        for order in turn.orders:
            self._touch(turn, order.user, trade.time_ms)

    def _touch(self, turn: Turn, user: str, time_ms: int) -> None:
        self._changed[user] = (turn.sequence, time_ms)
        self._batch[user] = None

    def _publication(self, stream: Stream, number: int, sequence: int, time_ms: int) -> Publication:
        held = {c: b for c, b in self._state.balances(stream.user).items() if b.available or b.locked}
        balances = [
            BalanceData(
                currency=currency,
                available=format_units(held[currency].available, AMOUNT_DECIMALS),
                locked=format_units(held[currency].locked, AMOUNT_DECIMALS),
                total=format_units(held[currency].total, AMOUNT_DECIMALS),
            )
            for currency in sorted(held, key=lambda currency: (self._order.get(currency, len(self._order)), currency))
        ]
        data = AccountData(balances=balances, timestamp=time_ms, sequence=number)
        return Publication((stream,), f"account:{sequence}", "account_update", data)

    def save(self) -> SavedAccount:
        """See `Channel.save`."""
        return SavedAccount(dict(self._changed), self._counts.save())

    def load(self, saved: SavedAccount) -> None:
        """See `Channel.load`."""
        self._changed.update(saved.changed)
        self._counts.load(saved.counts)
