"""The hub: one batch of the log in, everything that it means for subscribers out."""

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from typing import Any

import msgspec

from finalex.channels.channel import Channel, Newcomer, Turn
from finalex.channels.journal import Memory
from finalex.channels.parameters import quote
from finalex.channels.places import Place
from finalex.channels.positions import Position, Positions
from finalex.channels.registry import build_channels
from finalex.channels.resumable import Missing, ResumableChannel, Want
from finalex.channels.status import StatusChannel
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState, SavedExchange
from finalex.market.intervals import MINUTE_MS
from finalex.model.events import AnyEvent, Batch, Credited, Debited, Event
from finalex.model.instruments import Instruments
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

_BOOKINGS = (Credited, Debited)
"""The events that belong to no symbol."""


class SavedHub(msgspec.Struct, frozen=True, kw_only=True):
    """A hub as a snapshot holds it: where in the log it is, the exchange, and each channel as its own JSON.

    A channel that it does not name started later, and starts empty.
    """

    sequence: int
    time_ms: int
    minute_end_ms: int
    unknown_symbols: int
    exchange: SavedExchange
    channels: dict[str, msgspec.Raw]


class Hub:
    """All channels over one replica of the exchange's state.

    It must be given every batch, in order. What it publishes is a function of the batches alone: two hubs with the
    same log publish the same messages, whoever listens.
    """

    def __init__(
        self,
        instruments: Instruments,
        ticker_interval_ms: int = 100,
        kline_interval_ms: int = 250,
        memory: Memory | None = None,
    ) -> None:
        self.instruments = instruments
        self.state = ExchangeState(instruments)
        built = build_channels(instruments, self.state, ticker_interval_ms, kline_interval_ms, memory or Memory())
        self.channels: Mapping[str, Channel] = {channel.name: channel for channel in built}
        self._handlers: defaultdict[type[Event], list[Callable[[Turn, Any], None]]] = defaultdict(list)
        for channel in built:
            for kind, handler in channel.handlers().items():
                self._handlers[kind].append(handler)
        self._resumable = {channel.name: channel for channel in built if isinstance(channel, ResumableChannel)}
        self._status = next(channel for channel in built if isinstance(channel, StatusChannel))
        self._positions = Positions()
        self._symbols = frozenset(instruments)
        self._unknown_symbols = 0
        self._minute_end_ms = 0
        self._turn = Turn(0, 0, ())

    @property
    def sequence(self) -> int:
        """The sequence of the last batch applied, 0 before the first."""
        return self._turn.sequence

    @property
    def time_ms(self) -> int:
        """The log's clock."""
        return self._turn.time_ms

    @property
    def unknown_symbol_events(self) -> int:
        """How many events were of symbols that are no instruments here, and had no effect."""
        return self._unknown_symbols

    def apply(self, batch: Batch, wanted: Container[Stream]) -> list[Publication]:
        """Apply the next batch and return what it publishes on `wanted` streams, in this order.

        First what the clock causes, then what the events cause, as they happened, then the tickers and candles
        that are due, then the accounts that changed.
        """
        turn = self._turn = Turn(batch.sequence, batch.time_ms, wanted)
        if turn.time_ms >= self._minute_end_ms:
            self._minute_end_ms = turn.time_ms - turn.time_ms % MINUTE_MS + MINUTE_MS
            for channel in self.channels.values():
                channel.advance(turn)
        for turn.index, event in enumerate(batch.events):
            self._apply_event(turn, event)
        for channel in self.channels.values():
            channel.finish(turn)
        self._positions.note(turn)
        return turn.publications

    def overrule_status(self, reason: str | None, wanted: Container[Stream]) -> list[Publication]:
        """Call every market halted for a `reason` that is not in the log, until `None`; return what that publishes.

        Where the exchange cannot be reached, the log does not say so. This alone is not a function of the batches.
        """
        turn = Turn(self.sequence, self.time_ms, wanted)
        self._status.overrule(reason, turn)
        self._positions.note(turn)
        return turn.publications

    def stream(self, subscription: Subscription, user: str | None) -> Stream:
        """Return the stream that `subscription` names; `user` is who asks, `None` if that is not known.

        Raises `RequestError` for an unknown channel, a private one without a user, and bad parameters.
        """
        channel = self.channels.get(subscription.channel)
        if channel is None:
            raise RequestError(ErrorCode.INVALID_CHANNEL, f"Channel {quote(subscription.channel)} does not exist")
        if not channel.private:
            return channel.stream(subscription)
        if not user:
            details = f"Channel '{channel.name}' is private: connect with a token or an API key, or send 'auth'"
            raise RequestError(ErrorCode.AUTHENTICATION_REQUIRED, details)
        return channel.stream(subscription)._replace(user=user)

    def opening(self, stream: Stream, subscription: Subscription) -> list[Publication]:
        """Return the current state of `stream`, as `subscription` asks for it, for a new subscriber.

        It is the state after the last batch applied: with everything published from then on nothing is missing,
        and nothing comes twice.
        """
        return self.channels[stream.channel].opening(Newcomer(stream, subscription, self.sequence, self.time_ms))

    def position(self, stream: Stream) -> Position | None:
        """Return the last message on `stream` since somebody wants it, or `None` if there was none."""
        return self._positions.get(stream)

    def place(self, stream: Stream, text: str) -> Place | None:
        """Return the place in `stream` that the id `text` names, or `None` if its channel cannot be resumed.

        Raises `RequestError` for a text that is no id of a message there.
        """
        channel = self._resumable.get(stream.channel)
        return None if channel is None else channel.place(stream, text)

    def since(self, stream: Stream, place: Place) -> list[Publication] | Missing:
        """Return what was published on `stream` after `place`, oldest first, if memory goes back that far.

        With everything published from then on nothing is missing, and nothing comes twice.
        """
        return self._resumable[stream.channel].since(stream, place, self.sequence)

    def count_since(self, stream: Stream, place: Place) -> int | Missing:
        """Return how many messages `since` would return; that costs little."""
        entries = self._resumable[stream.channel].entries(stream, place, self.sequence)
        return entries if isinstance(entries, Missing) else len(entries)

    def want(self, stream: Stream, after: Place) -> Want:
        """Return everything on `stream` between a place and now, as something to look for in the log."""
        return Want(stream, after, self.sequence, self._resumable[stream.channel].number(stream))

    def open_orders(self, user: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders of `user`, oldest first, of one symbol or of all."""
        return self.state.open_orders(user, symbol)

    def counters(self) -> dict[str, int]:
        """Return what happened how often, by name, that should not happen with a sound source."""
        counters = {"unknown_symbol_events": self._unknown_symbols}
        for channel in self.channels.values():
            counters.update(channel.counters())
        return counters

    def save(self) -> SavedHub:
        """Return all that the batches so far left here; it follows no later change."""
        return SavedHub(
            sequence=self.sequence,
            time_ms=self.time_ms,
            minute_end_ms=self._minute_end_ms,
            unknown_symbols=self._unknown_symbols,
            exchange=self.state.save(),
            channels={name: msgspec.Raw(msgspec.json.encode(c.save())) for name, c in self.channels.items()},
        )

    def load(self, saved: SavedHub) -> None:
        """Take over, into a new hub, what `save` returned; every symbol in it must be an instrument here.

        Given the batches after it, this hub then publishes what the saved one would, byte for byte. Raises
        `msgspec.ValidationError` for what no hub can have saved.
        """
        self._turn = Turn(saved.sequence, saved.time_ms, ())
        self._minute_end_ms = saved.minute_end_ms
        self._unknown_symbols = saved.unknown_symbols
        self.state.load(saved.exchange)
        for name, raw in saved.channels.items():
            channel = self.channels.get(name)
            if channel is not None:
                channel.load(msgspec.json.decode(raw, type=channel.saved))

    def _apply_event(self, turn: Turn, event: AnyEvent) -> None:
        if not isinstance(event, _BOOKINGS) and event.symbol not in self._symbols:
            self._unknown_symbols += 1
            return
        turn.orders = self.state.apply(event)
        for handler in self._handlers[type(event)]:
            handler(turn, event)
