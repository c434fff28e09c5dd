"""What the market costs without sockets, and the fan-out without a market: the two parts of the `ticks` workload.

`python -m bench.fanout.alone` prints CPU time, the least of several runs: for each order of the ticks, decoded,
matched, through the views and encoded; and for each delivered message of ticks of eight, handed to 1,000 receivers
that do nothing.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from bench.fanout import market
from finalex.channels.hub import Hub
from finalex.gateway.fanout import Fanout
from finalex.metrics import Metrics
from finalex.protocol.messages import Publication, TradeData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

RUNS = 5
ROUNDS = 300
RECEIVERS = 1000
MESSAGES = 8
STREAMS = [Stream("trades", f"C{number:02}/USDT") for number in range(100)]
STREAMS_EACH = 10


class Nobody:
    """A receiver that keeps only what came last."""

    deflates = False

    def __init__(self) -> None:
        self.send: Callable[[bytes], None] = deque[bytes](maxlen=1).append

    def drop(self) -> None:
        """Never happens."""


def least_us(work: Callable[[], object]) -> float:
    """Return the CPU time of `work`, in µs: the least of several runs."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(ROUNDS):
            work()
        times.append((time.process_time() - start) / ROUNDS)
    return min(times) * 1e6


def order_us() -> float:
    """Return what an order of the `ticks` workload costs."""
    markets = market.instruments(1)
    (symbol,) = markets
    items = [Subscription("trades", symbol=symbol), Subscription("orderbook", symbol=symbol, depth=20)]
    items += [Subscription("ticker", symbol=symbol)]
    items += [Subscription("kline", symbol=symbol, interval=interval) for interval in market.INTERVALS]
    hub = Hub(markets)
    rehearsal = market.Rehearsal(markets, {hub.stream(item, None) for item in items})
    ticks = [market.replenish(symbol), market.sweep(symbol)]
    return least_us(lambda: [rehearsal.carry_out(tick) for tick in ticks]) / sum(map(len, ticks))


def message_us(choose: Callable[[], Sequence[Stream]], published: Sequence[Stream]) -> float:
    """Return what a delivered message costs if each receiver has the streams that `choose` gives."""
    metrics = Metrics()
    fanout = Fanout(lambda _: None, metrics, lambda: 0)
    for _ in range(RECEIVERS):
        fanout.place(Nobody(), frozenset(choose()))
    publications = [_publication(number, stream) for number, stream in enumerate(published)]

    def tick() -> None:
        fanout.publish(publications, 0)
        fanout.flush()

    return least_us(tick) * RUNS * ROUNDS / metrics.deliveries.total()


def _publication(number: int, stream: Stream) -> Publication:
    text = {"price": "45000.00", "quantity": "0.10000000", "side": "buy"}
    data = TradeData(symbol=stream.symbol, trade_id=str(number), timestamp=1, **text)
    return Publication((stream,), f"trades:{stream.symbol}:{number}", "trade", data)


def main() -> None:
    """Measure and print."""
    rng = random.Random(1)
    mixed = rng.sample(STREAMS, MESSAGES * len(STREAMS) // STREAMS_EACH)
    print(f"an order: {order_us():.0f} µs")
    print(f"a message, all with the same streams: {message_us(lambda: STREAMS[:MESSAGES], STREAMS[:MESSAGES]):.3f} µs")
    print(f"a message, each with its own {STREAMS_EACH} of {len(STREAMS)}: ", end="")
    print(f"{message_us(lambda: rng.sample(STREAMS, STREAMS_EACH), mixed):.3f} µs")


if __name__ == "__main__":
    main()
