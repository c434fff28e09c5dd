"""Our server as a program of the benchmark, and how it is spoken to.

`python -m bench.fanout.ours --symbols N` runs the whole product, on sockets, with its log in memory. Three things are
not as an operator has them: limits are wide, since all clients have one address; the clock goes on with every command
and not by itself, so that tickers and candles are due at every tick; and one connection trades for two accounts.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import uvloop

from bench.fanout import market
from bench.fanout.target import Opening, Target, Trigger, handshake_request, text_frame
from bench.fanout.workloads import Workload
from finalex import app, garbage
from finalex.config import Config
from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.credentials.tokens import sign_token
from finalex.model.commands import Command
from finalex.settings.places import IN_MEMORY, SourceSetting
from finalex.sources.port import Reply
from finalex.telemetry import configure_logging

NAME = "finalex"
SECRET = Secret("of the benchmark alone, and no secret")
TOKEN_MS = 3650 * 86_400_000
PLENTY = 1_000_000
ADMIN_PORT = 19_081


def config(options: argparse.Namespace) -> Config:
    """Return the server's configuration."""
    markets = market.instruments(options.symbols)
    given = {name: value for name, value in vars(options).items() if name != "symbols" and value}
    return Config(
        port=0,
        admin_port=ADMIN_PORT,
        source=SourceSetting("exchange"),
        data_dir=IN_MEMORY,
        jwt_secret=SECRET,
        instruments=markets,
        demo_amounts=market.funds(markets),
        connections_per_ip=PLENTY,
        messages_per_minute_max=PLENTY,
        orders_per_second_max=0,
        connections_per_account=0,
        handshakes_per_minute_max=PLENTY,
        handshakes_per_second_max=PLENTY,
        bytes_per_minute_max=1 << 40,
        bytes_per_minute_per_ip_max=1 << 40,
        bytes_per_minute_of_all_max=1 << 40,
        open_orders_max=market.OPEN_ORDERS_MAX,
        **given,
    )


async def serve(options: argparse.Namespace) -> None:
    """Serve until cancelled."""
    clock = market.Clock()
    setattr(app, "now_ms", clock.now_ms)  # noqa: B010 (a name that the module does not export)
    async with app.serving(config(options)) as server:
        submit = server.source.submit

        def submit_assigned(command: Command, reply: Reply) -> None:
            clock.advance()
            submit(market.assigned(command), reply)

        for symbol in server.config.instruments:
            for order in market.opening_orders(symbol):
                submit(order, market.check)
        clock.align()
        server.source.submit = submit_assigned  # type: ignore[method-assign]
        garbage.settle()
        print(f"READY {server.port}", flush=True)
        await server.feeding


@dataclass(frozen=True)
class Finalex:
    """Our client protocol: clients subscribe with one request, and a tick is the orders of a trader."""

    workload: Workload
    reading: Literal["json", "nats"] = "json"
    triggering: Literal["websocket", "nats", "http"] = "websocket"

    def prefix(self, stream: int) -> str:
        """See `Speech.prefix`."""
        item = self.workload.subscriptions[stream]
        parts = (item.channel, item.symbol, item.interval, item.depth)
        return ":".join([*(str(part) for part in parts if part is not None), ""])

    def contiguous(self, stream: int) -> bool:
        """See `Speech.contiguous`: tickers and candles have the number of their batch of the log."""
        return self.workload.subscriptions[stream].channel in ("trades", "orderbook")

    def handshake(self, streams: Sequence[int]) -> bytes:
        """See `Speech.handshake`."""
        return handshake_request()

    def opening(self, streams: Sequence[int]) -> Opening:
        """See `Speech.opening`: the status, one reply, and the present state of all channels but the trades."""
        items = [self.workload.subscriptions[stream] for stream in streams]
        wanted = [{name: value for name, value in msgspec.to_builtins(item).items() if value} for item in items]
        request = {"id": 1, "method": "subscribe", "params": {"subscriptions": wanted}}
        return Opening(
            text_frame(msgspec.json.encode(request)), answers=2 + sum(item.channel != "trades" for item in items)
        )

    def trigger_handshake(self) -> bytes:
        """See `Speech.trigger_handshake`."""
        grant = Grant(user=market.TRADER, scopes=frozenset(("read", "trade")), ttl_ms=TOKEN_MS)
        token = sign_token(SECRET, grant, market.START_MS)
        return handshake_request(headers=[f"Authorization: Bearer {token}"])

    def trigger_opening(self) -> Opening:
        """See `Speech.trigger_opening`: the status is all that comes."""
        return Opening(answers=1)

    def trigger(self, tick: int) -> Trigger:
        """See `Speech.trigger`."""
        requests = self.workload.requests[tick]
        return Trigger(b"".join(map(text_frame, requests)), replies=len(requests))


def our_target(workload: Workload, *arguments: str) -> Target:
    """Return our server, with the markets of `workload`."""
    command = (sys.executable, "-m", "bench.fanout.ours", "--symbols", str(workload.symbols), *arguments)
    return Target(NAME, command, "finalex", note="the whole product: decode, match, views, channels, fan-out")


def main() -> None:
    """Run the server."""
    parser = argparse.ArgumentParser(description="our server, for the benchmark")
    parser.add_argument("--symbols", type=int, default=8, help="how many markets")
    parser.add_argument("--lagging-bytes", type=int, help="as the product's setting")
    parser.add_argument("--queue-bytes-max", type=int, help="as the product's setting")
    parser.add_argument("--slow-close-timeout-ms", type=int, help="as the product's setting")
    parser.add_argument("--queues-bytes-max", type=int, help="as the product's setting")
    options = parser.parse_args()
    configure_logging("error", "text")
    uvloop.run(serve(options))


if __name__ == "__main__":
    main()
