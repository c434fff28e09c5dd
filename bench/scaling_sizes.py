"""How much travels: `python -m bench.scaling_sizes` lets the simulated market trade for a minute, without sockets.

All that a client of ticker, trades, order book and candles of one market is sent is encoded, and compressed as the
gateway does it, each message by itself; and every batch is encoded as a message of the log on NATS, which is the most
that the log takes: under load one message has many batches. It prints the mean sizes.
"""

from collections.abc import Iterator

from finalex.channels.hub import Hub
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.gateway.deflate import deflate_frame
from finalex.gateway.framing import Opcode, frame
from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.memory import MemoryLog
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.messages import encode_publication
from finalex.protocol.streams import Stream
from finalex.sources.simulate import STEP_INTERVAL_MS, SimulateSource
from finalex.sources.simulation.traders import Traders

MINUTES = 1
START_MS = 1_700_000_000_000
SYMBOL = "BTC/USDT"
WANTED = {
    Stream("ticker", SYMBOL),
    Stream("trades", SYMBOL),
    Stream("orderbook", SYMBOL, depth=20),
    Stream("kline", SYMBOL, interval="1m"),
}


def traded() -> Iterator[Batch]:
    """Iterate what happens in some minutes of the simulated market."""
    clock, batches = [START_MS], list[Batch]()
    log = MemoryLog()
    log.follow(batches.append)
    source = SimulateSource(
        Engine(ExchangeState(DEFAULT_INSTRUMENTS)),
        log,
        lambda: clock[0],
        traders=Traders(DEFAULT_INSTRUMENTS, 1),
        history_hours=0,
    )
    source.open_markets()
    for _ in range(MINUTES * 60_000 // STEP_INTERVAL_MS):
        clock[0] += STEP_INTERVAL_MS
        source.step()
        yield from batches
        batches.clear()


def logged(batch: Batch) -> bytes:
    """Return a batch as a message of the log, without the headers that NATS adds."""
    entry = Entry(batch.sequence, batch.time_ms, encode_batch(STEP_INTERVAL_MS, batch.events))
    return encode(Envelope("engine-1-00000000", leaving=False, position=0, record=pack([entry], batch.sequence - 1)))


def main() -> None:
    """Measure and print."""
    hub, messages, plain, compressed, events, stored = Hub(DEFAULT_INSTRUMENTS), 0, 0, 0, 0, 0
    for batch in traded():
        events += len(batch.events)
        stored += len(logged(batch))
        for publication in hub.apply(batch, WANTED):
            message = encode_publication(publication, batch.time_ms)
            messages += 1
            plain += len(frame(Opcode.TEXT, message))
            compressed += len(deflate_frame(message))
    print(f"{messages:,} messages of {plain / messages:.0f} bytes; compressed {compressed / plain:.0%} of that")
    print(f"{events:,} events of {stored / events:.0f} bytes in the log")


if __name__ == "__main__":
    main()
