"""The audit: what clients were told against the log, and the log against itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from cluster.faults.seen import CHANNELS, DEPTH, SYMBOL, Expected, Message, Seen, plain
from finalex.channels.hub import Hub
from finalex.exchange.state import ExchangeState
from finalex.model.events import (
    AnyEvent,
    Batch,
    Credited,
    Debited,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    Traded,
)
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import EndReason, order_id_text
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

Entry = OrderAccepted | OrderRejected


class Audit:
    """Reads a log as it grows, and says what the clients of `users` must have been told of it.

    Everything is derived from the batches alone, by the views that a gateway has.
    """

    def __init__(self, users: Iterable[str]) -> None:
        self.hub = Hub(DEFAULT_INSTRUMENTS)
        self.users = list(users)
        self._streams = {user: _streams(user) for user in self.users}
        self._wanted = {stream for streams in self._streams.values() for stream in streams.values()}
        self._entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._order_ids: dict[int, str] = {}
        self._cancels: Counter[str] = Counter()
        self._booked: Counter[str] = Counter()
        self._trades = 0
        self._told = self._nothing_told()

    # --- the log ----------------------------------------------------------------------------------------

    def read(self, batches: Iterable[Batch]) -> None:
        """Take in what the log has next; asserts that its batches follow one another and what they say is possible."""
        for batch in batches:
            assert batch.sequence == self.hub.sequence + 1, f"batch {batch.sequence} after {self.hub.sequence}"
            assert batch.time_ms >= self.hub.time_ms, f"time goes back at batch {batch.sequence}"
            for event in batch.events:
                self._note(event)
            for publication in self.hub.apply(batch, self._wanted):
                self._publish(publication.streams, plain(publication.data))

    def _note(self, event: AnyEvent) -> None:
        match event:
            case OrderAccepted() | OrderRejected():
                assert event.order not in self._order_ids, f"order {event.order} has two beginnings"
                self._order_ids[event.order] = order_id_text(event.order, event.time_ms)
                self._entries[event.user, event.client_order_id or ""].append(event)
            case OrderEnded():
                self._cancels[self._order_ids[event.order]] += event.reason is EndReason.CANCELED
            case Traded():
                self._trades += 1
                assert event.trade == self._trades, f"trade {event.trade} is number {self._trades}"
            case Credited() | Debited():
                self._booked[event.currency] += event.amount if isinstance(event, Credited) else -event.amount

    def _publish(self, streams: Sequence[Stream], data: Message) -> None:
        for user, own in self._streams.items():
            for channel, stream in own.items():
                if stream in streams:
                    self._told[user][channel].append(data)

    # --- what follows from it ---------------------------------------------------------------------------

    def expected(self) -> dict[str, Expected]:
        """Return what each user must have been told since this was asked last."""
        told, self._told = self._told, self._nothing_told()
        book = self._opening(Stream("orderbook", SYMBOL, depth=DEPTH), Subscription("orderbook", SYMBOL, depth=DEPTH))
        shown = {name: book[name] for name in ("bids", "asks", "sequence")}
        return {
            user: Expected(
                {channel: told[user][channel] for channel in CHANNELS},
                shown,
                self._opening(Stream("account", user=user), Subscription("account"))["balances"],
            )
            for user in self._streams
        }

    def check_money(self) -> None:
        """Assert that no account owes anything, and that all of them together have what came from outside."""
        state, held = self.hub.state, Counter[str]()
        for user in state.users:
            for currency, balance in state.balances(user).items():
                assert min(balance.available, balance.locked) >= 0, f"{user} owes {currency}"
                held[currency] += balance.total
        assert held == self._booked, "money has come or gone"

    def check_state(self, other: ExchangeState) -> None:
        """Assert that an engine which would start now, with `other`, would have what all of the log adds up to."""
        assert other.state_hash() == self.hub.state.state_hash()

    def check(self, seen: Seen, expected: Expected) -> None:
        """Assert that everything a client was told is so, once, and that it was told everything."""
        self._check_orders(seen)
        self._check_cancels(seen)
        assert seen.gaps == [], f"{seen.user} has missed messages"
        for channel in CHANNELS:
            told, happened = seen.told[channel], expected.told[channel]
            assert told == happened, f"{channel} of {seen.user} is not what happened: {_difference(told, happened)}"
        assert seen.book == expected.book, f"the book of {seen.user} is {seen.book} and not {expected.book}"
        assert seen.balances == expected.balances, f"the balances of {seen.user} are {seen.balances}"

    def _check_orders(self, seen: Seen) -> None:
        own = {name: entries for (user, name), entries in self._entries.items() if user == seen.user}
        assert all(len(entries) == 1 for entries in own.values()), f"an order of {seen.user} was taken twice"
        for name, order_id in seen.placed.items():
            assert name in own, f"{name} was acknowledged and is lost"
            (entry,) = own[name]
            assert isinstance(entry, OrderAccepted), f"{name} was acknowledged and is refused in the log"
            assert order_id == order_id_text(entry.order, entry.time_ms), f"{name} is another order in the log"
        for name, reason in seen.refused.items():
            assert name in own, f"{name} was refused and is lost"
            (entry,) = own[name]
            assert isinstance(entry, OrderRejected), f"{name} was refused and is accepted in the log"
            assert entry.reason == reason, f"{name} was refused for another reason"
        taken = seen.abandoned & own.keys()
        assert not taken, f"{taken} were refused for the moment and are in the log all the same"

    def _check_cancels(self, seen: Seen) -> None:
        for order_id in seen.canceled:
            assert self._cancels[order_id] == 1, f"the cancel of {order_id} was acknowledged and is not in the log"

    # --- below ------------------------------------------------------------------------------------------

    def _opening(self, stream: Stream, subscription: Subscription) -> Message:
        (publication,) = self.hub.opening(stream, subscription)
        opening: Message = plain(publication.data)
        return opening

    def _nothing_told(self) -> dict[str, dict[str, list[Message]]]:
        return {user: {channel: [] for channel in CHANNELS} for user in self._streams}


def _difference(told: list[Message], happened: list[Message]) -> str:
    pairs = enumerate(zip(told, happened, strict=False))
    first = next((number for number, (one, other) in pairs if one != other), min(len(told), len(happened)))
    return (
        f"{len(told)} messages instead of {len(happened)}, the first difference at {first}: "
        f"{told[first : first + 2]} instead of {happened[first : first + 2]}"
    )


def _streams(user: str) -> dict[str, Stream]:
    return {
        "trades": Stream("trades", SYMBOL),
        "orders": Stream("orders", user=user),
        "user_trades": Stream("user_trades", user=user),
    }
