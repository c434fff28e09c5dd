"""What is distributed to whom: streams, the clients that have them, and the ticks of a cycle that repeats itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from bench.fanout import market
from bench.fanout.target import Tick
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.requests import Subscription

SYMBOLS = len(DEFAULT_INSTRUMENTS)
"""A server has as many markets as it has when nobody configures any; one of them is busy."""

MIXED_SYMBOLS = 50
MIXED_SYMBOLS_A_TICK = 25
"""With ten of 250 streams a client then gets eight messages a tick on average, as many as in "ticks"."""

MIXED_STREAMS = 10


@dataclass(frozen=True)
class Audience:
    """Clients that have the same streams, by their numbers."""

    clients: int
    streams: tuple[int, ...]


@dataclass(frozen=True)
class Workload:
    """Ours is asked for by `subscriptions` and `requests`; what that causes, `ticks`, the others are told to send.

    `symbols` is how many markets the server has.
    """

    name: str
    symbols: int
    subscriptions: tuple[Subscription, ...]
    audiences: tuple[Audience, ...]
    requests: tuple[tuple[bytes, ...], ...]
    ticks: tuple[Tick, ...]

    @property
    def clients(self) -> int:
        """How many clients there are."""
        return sum(audience.clients for audience in self.audiences)


def single(clients: int) -> Workload:
    """One stream, one message a tick: a level of a book comes and goes."""
    symbol = next(iter(market.instruments(SYMBOLS)))
    subscriptions = (Subscription(channel="orderbook", symbol=symbol, depth=20),)
    requests = (tuple(market.add(symbol)), tuple(market.cancel(symbol)))
    return _workload("single", SYMBOLS, subscriptions, (Audience(clients, (0,)),), requests)


def ticks(clients: int) -> Workload:
    """Everything of one market to all clients, eight messages a tick on average: levels are added, and swept."""
    symbol = next(iter(market.instruments(SYMBOLS)))
    subscriptions = _channels(symbol)
    requests = (tuple(market.replenish(symbol)), tuple(market.sweep(symbol)))
    return _workload("ticks", SYMBOLS, subscriptions, (Audience(clients, tuple(range(len(subscriptions)))),), requests)


def mixed(clients: int, seed: int = 1) -> Workload:
    """Fifty markets; every client has ten streams of its own choice."""
    symbols = list(market.instruments(MIXED_SYMBOLS))
    subscriptions = tuple(subscription for symbol in symbols for subscription in _channels(symbol))
    rng = Random(seed)
    audiences = tuple(
        Audience(1, tuple(sorted(rng.sample(range(len(subscriptions)), MIXED_STREAMS)))) for _ in range(clients)
    )
    parts = [symbols[start : start + MIXED_SYMBOLS_A_TICK] for start in range(0, MIXED_SYMBOLS, MIXED_SYMBOLS_A_TICK)]
    requests = tuple(
        tuple(request for symbol in part for request in orders(symbol))
        for orders in (market.replenish, market.sweep)
        for part in parts
    )
    return _workload("mixed", MIXED_SYMBOLS, subscriptions, audiences, requests)


WORKLOADS = {"single": single, "ticks": ticks, "mixed": mixed}
"""By name: what makes the workload for a number of clients."""


def _channels(symbol: str) -> tuple[Subscription, ...]:
    return (
        Subscription(channel="trades", symbol=symbol),
        Subscription(channel="orderbook", symbol=symbol, depth=20),
        Subscription(channel="ticker", symbol=symbol),
        *(Subscription(channel="kline", symbol=symbol, interval=interval) for interval in market.INTERVALS),
    )


def _workload(
    name: str,
    symbols: int,
    subscriptions: tuple[Subscription, ...],
    audiences: tuple[Audience, ...],
    requests: tuple[tuple[bytes, ...], ...],
) -> Workload:
    return Workload(name, symbols, subscriptions, audiences, requests, _rehearsed(symbols, subscriptions, requests))


@cache
def _rehearsed(
    symbols: int, subscriptions: tuple[Subscription, ...], requests: Sequence[Sequence[bytes]]
) -> tuple[Tick, ...]:
    return tuple(map(tuple, market.rehearse(market.instruments(symbols), subscriptions, requests)))
