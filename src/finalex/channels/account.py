"""`account`: a user's balances."""

from finalex.channels.channel import Channel, Handlers, Newcomer, Turn
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.events import Credited, OrderAccepted, OrderEnded, Traded
from finalex.model.instruments import Instruments
from finalex.protocol.messages import AccountData, BalanceData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class AccountChannel(Channel):
    """Publishes all non-zero balances once after each batch that changed the account.

    For every account it keeps where in the log and when it last changed, as the exchange keeps its balances.
    """

    name = "account"
    private = True

    def __init__(self, instruments: Instruments, state: ExchangeState) -> None:
        self._state = state
        self._order = {currency: place for place, currency in enumerate(instruments.currencies)}
        self._changed: dict[str, tuple[int, int]] = {}
        self._batch: dict[str, None] = {}  # who changed in this batch, in order

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {OrderAccepted: self._one, OrderEnded: self._one, Credited: self._one, Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:  # noqa: ARG002 (this channel has no parameters)
        """See `Channel.stream`."""
        return Stream(self.name)

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the balances as they are now; an account that never changed is empty, as of now."""
        sequence, time_ms = self._changed.get(newcomer.stream.user, (newcomer.sequence, newcomer.time_ms))
        return [self._publication(newcomer.stream, sequence, time_ms)]

    def finish(self, turn: Turn) -> None:
        """Publish the accounts that the batch changed."""
        for user in self._batch:
            stream = Stream(self.name, user=user)
            if stream in turn.wanted:
                turn.publications.append(self._publication(stream, *self._changed[user]))
        self._batch.clear()

    def _one(self, turn: Turn, event: OrderAccepted | OrderEnded | Credited) -> None:
        self._touch(turn, event.user, event.time_ms)

    def _trade(self, turn: Turn, trade: Traded) -> None:
        for order in turn.orders:
            self._touch(turn, order.user, trade.time_ms)

    def _touch(self, turn: Turn, user: str, time_ms: int) -> None:
        self._changed[user] = (turn.sequence, time_ms)
        self._batch[user] = None

    def _publication(self, stream: Stream, sequence: int, time_ms: int) -> Publication:
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
        data = AccountData(balances=balances, timestamp=time_ms)
        return Publication((stream,), f"account:{sequence}", "account_update", data)
