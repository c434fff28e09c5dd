"""The market of the benchmark: its instruments, the requests that clients and the trader send, and what they cause.

The trader's connection stands for two accounts, since an order does not trade with its own user's: what it buys, the
account of its token buys; all else is the maker's. A tick is one or more of its requests.
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

import msgspec

from finalex.channels.hub import Hub
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Canceled, Outcome, Placed
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.model.commands import Command, PlaceOrder
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.protocol.messages import encode_publication
from finalex.protocol.requests import CancelAllRequest, OrderRequest, Subscription, decode
from finalex.protocol.streams import Stream
from finalex.session.orders import cancel_all_orders, place_order
from finalex.sources.exchange import ExchangeSource

TRADER, MAKER, KEEPER = "trader", "maker", "keeper"
"""Who takes, who gives, and whose levels stand behind those that come and go."""

START_MS = 1_704_067_200_000
"""Monday, 1 January 2024, 00:00 UTC: a candle of a week begins, and one of a month."""

STEP_MS = 300
"""How far the clock goes on with each command: more than the intervals of tickers and candles, so that both are due."""

INTERVALS = ("1w", "1M")
"""Candles that do not end during a run; those of the shorter intervals do, unseen."""

LEVELS = 4
"""How many levels a tick adds to the book, or sweeps."""

STANDING_LEVELS = 10
"""How many levels of each side stand behind them."""

FIRST = DEFAULT_INSTRUMENTS["BTC/USDT"]
FUNDS = 10**18
OPEN_ORDERS_MAX = 10_000
PRICE, QUANTITY = 4_500_000, 100_000
MINUTE_MS = 60_000


class Message(NamedTuple):
    """What one tick publishes: on which of the workload's streams, and how many bytes of text."""

    stream: int
    size: int


class Clock:
    """A clock that goes on with every command, and not by itself."""

    def __init__(self) -> None:
        self._now_ms = START_MS

    def now_ms(self) -> int:
        """Return the time."""
        return self._now_ms

    def advance(self) -> None:
        """Go on by one step."""
        self._now_ms += STEP_MS

    def align(self) -> None:
        """Go on so that the next step begins a minute."""
        self._now_ms += MINUTE_MS - STEP_MS - self._now_ms % MINUTE_MS


def instruments(count: int) -> Instruments:
    """Return so many markets like the product's own first."""
    return Instruments([msgspec.structs.replace(FIRST, symbol=f"C{number:02}/USDT") for number in range(count)])


def opening_orders(symbol: str) -> list[PlaceOrder]:
    """Return what a market begins with: standing levels on both sides, and a trade: each channel has a state."""
    asks = [_order(KEEPER, symbol, Side.SELL, PRICE + 1000 + level) for level in range(STANDING_LEVELS)]
    bids = [_order(KEEPER, symbol, Side.BUY, PRICE - 1000 - level) for level in range(STANDING_LEVELS)]
    return [*asks, *bids, _order(MAKER, symbol, Side.SELL, PRICE), _order(TRADER, symbol, Side.BUY, PRICE)]


def _order(user: str, symbol: str, side: Side, price: int) -> PlaceOrder:
    return PlaceOrder(
        user=user,
        symbol=symbol,
        side=side,
        type=OrderType.LIMIT,
        quantity=QUANTITY,
        price=price,
        time_in_force=TimeInForce.GTC,
    )


# --- requests -------------------------------------------------------------------------------------------


def replenish(symbol: str) -> list[bytes]:
    """Return orders that add levels, the best first: that many messages of the book, and one of the ticker."""
    return [_request(symbol, "sell", PRICE + level, 1, "GTC") for level in range(LEVELS)]


def sweep(symbol: str) -> list[bytes]:
    """Return an order that takes these levels: a trade and a message of the book for each, a ticker and candles."""
    return [_request(symbol, "buy", PRICE + LEVELS - 1, LEVELS, "IOC")]


def add(symbol: str) -> list[bytes]:
    """Return an order that adds one level."""
    return [_request(symbol, "sell", PRICE, 1, "GTC")]


def cancel(symbol: str) -> list[bytes]:
    """Return an order that is canceled at once with all others of its market: here, the level that `add` added."""
    return [msgspec.json.encode({"id": 1, "method": "cancel_all_orders", "params": {"symbol": symbol}})]


def _request(symbol: str, side: str, price: int, count: int, time_in_force: str) -> bytes:
    params = {
        "symbol": symbol,
        "side": side,
        "type": "limit",
        "quantity": FIRST.quantity_text(count * QUANTITY),
        "price": FIRST.price_text(price),
        "time_in_force": time_in_force,
    }
    return msgspec.json.encode({"id": 1, "method": "place_order", "params": params})


# --- what they cause ------------------------------------------------------------------------------------


def check(outcome: Outcome) -> None:
    """Raise `ValueError` unless a command was accepted."""
    match outcome:
        case Placed() | Canceled():
            return
        case _:
            raise ValueError(f"an order was not accepted: {outcome}")


def assigned(command: Command) -> Command:
    """Return a command of the trader's connection as one of the account that it is meant for."""
    if isinstance(command, PlaceOrder) and command.side is Side.BUY:
        return command
    return msgspec.structs.replace(command, user=MAKER)


class Rehearsal:
    """The market without sockets; it collects what is published on the wanted streams."""

    def __init__(self, markets: Instruments, wanted: Container[Stream]) -> None:
        self.hub = Hub(markets)
        self.published: list[tuple[Stream, int]] = []
        self._markets = markets
        self._clock = Clock()
        log = MemoryLog()
        self._source = ExchangeSource(
            Engine(ExchangeState(markets, OPEN_ORDERS_MAX)), log, self._clock.now_ms, funds(markets)
        )
        for symbol in markets:
            for order in opening_orders(symbol):
                self._source.submit(order, check)
        self._clock.align()
        for batch in log.read(0):
            self.hub.apply(batch, ())
        log.follow(
            lambda batch: self.published.extend(
                (publication.streams[0], len(encode_publication(publication, batch.time_ms)))
                for publication in self.hub.apply(batch, wanted)
            )
        )

    def carry_out(self, requests: Sequence[bytes]) -> list[tuple[Stream, int]]:
        """Carry out the requests of one tick and return what that published."""
        self.published.clear()
        for text in requests:
            request = decode(text.decode()).request()
            self._clock.advance()
            match request:
                case OrderRequest():
                    command: Command = place_order(request, TRADER, self._markets)
                case CancelAllRequest():
                    command = cancel_all_orders(request, TRADER, self._markets)
                case _:
                    raise ValueError(f"not a request of a trader: {request}")
            self._source.submit(assigned(command), check)
        return list(self.published)


def funds(markets: Instruments) -> dict[str, int]:
    """Return what each account begins with: enough for any run."""
    return dict.fromkeys(markets.currencies, FUNDS)


def rehearse(
    markets: Instruments, subscriptions: Sequence[Subscription], ticks: Sequence[Sequence[bytes]]
) -> list[list[Message]]:
    """Return what each tick of a cycle publishes to subscribers.

    Raises `ValueError` if that changes from cycle to cycle: the ticks must leave the market as they found it.
    """
    hub = Hub(markets)
    numbers = {hub.stream(subscription, None): number for number, subscription in enumerate(subscriptions)}
    rehearsal = Rehearsal(markets, numbers)
    cycles = [
        [[Message(numbers[stream], size) for stream, size in rehearsal.carry_out(tick)] for tick in ticks]
        for _ in range(3)
    ]
    counts = [[[message.stream for message in tick] for tick in cycle] for cycle in cycles]
    if counts[0] != counts[1] or counts[1] != counts[2]:
        raise ValueError("the ticks do not repeat themselves")
    return cycles[-1]
