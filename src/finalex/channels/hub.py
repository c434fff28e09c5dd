"""The hub: one batch of the log in, everything that it means for subscribers out."""

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from typing import Any

from finalex.channels.channel import Channel, Newcomer, Turn
from finalex.channels.parameters import quote
from finalex.channels.registry import build_channels
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.market.intervals import MINUTE_MS
from finalex.model.events import AnyEvent, Batch, Credited, Event
from finalex.model.instruments import Instruments
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class Hub:
    """All channels over one replica of the exchange's state.

    It must be given every batch, in order. What it publishes is a function of the batches alone: two hubs with the
    same log publish the same messages, whoever listens.
    """

    def __init__(self, instruments: Instruments, ticker_interval_ms: int = 100, kline_interval_ms: int = 250) -> None:
        self.instruments = instruments
        self.state = ExchangeState(instruments)
        built = build_channels(instruments, self.state, ticker_interval_ms, kline_interval_ms)
        self.channels: Mapping[str, Channel] = {channel.name: channel for channel in built}
        self._handlers: defaultdict[type[Event], list[Callable[[Turn, Any], None]]] = defaultdict(list)
        for channel in built:
            for kind, handler in channel.handlers().items():
                self._handlers[kind].append(handler)
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

    def open_orders(self, user: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders of `user`, oldest first, of one symbol or of all."""
        return self.state.open_orders(user, symbol)

    def counters(self) -> dict[str, int]:
        """Return what happened how often, by name, that should not happen with a sound source."""
        counters = {"unknown_symbol_events": self._unknown_symbols}
        for channel in self.channels.values():
            counters.update(channel.counters())
        return counters

    def _apply_event(self, turn: Turn, event: AnyEvent) -> None:
        if not isinstance(event, Credited) and event.symbol not in self._symbols:
            self._unknown_symbols += 1
            return
        turn.orders = self.state.apply(event)
        for handler in self._handlers[type(event)]:
            handler(turn, event)
