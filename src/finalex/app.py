"""The composition root: the one place where all rooms meet."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import structlog
import uvloop

from finalex import __version__
from finalex.channels.hub import Hub
from finalex.clock import now_ms
from finalex.config import Config
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KeyStore
from finalex.credentials.tokens import sign_token
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.log.memory import MemoryLog
from finalex.log.port import Log
from finalex.metrics import Metrics
from finalex.session.auth import Authenticator
from finalex.session.desk import Desk
from finalex.session.limits import Limits
from finalex.sources.exchange import ExchangeSource
from finalex.sources.port import Source
from finalex.sources.recordings import RecordingError, open_recordings
from finalex.sources.replay import ReplaySource
from finalex.sources.simulate import SimulateSource
from finalex.sources.simulation.traders import Traders

STOP_GRACE_S = 5.0
"""How long clients have to go once they were told that the server closes."""

TRIAL_USER = "demo"
TRIAL_TOKEN_MS = 24 * 3_600_000
"""The token that the start prints is for this user and this long."""

_log = structlog.get_logger("finalex.app")


class StartError(Exception):
    """The server cannot start; the text is a sentence for the operator."""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it listens, and the task that feeds it."""

    host: str
    port: int
    source: Source
    feeding: asyncio.Task[None]

    @property
    def authority(self) -> str:
        """Host and port as an address has them; a server on all addresses is reached at this machine's own."""
        host = {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Server]:
    """Run a server with `config` for as long as the context lasts; raises `StartError`."""
    log, metrics = MemoryLog(), Metrics()
    source = _build_source(config, log)
    gateway = _build_gateway(config, source, metrics)
    log.follow(gateway.follow)
    try:
        port = await gateway.start(config.host, config.port)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error
        raise StartError(f"cannot listen on {config.host} port {config.port}: {reason}") from None
    feeding = asyncio.create_task(_feed(source, gateway))
    try:
        yield Server(config.host, port, source, feeding)
    finally:
        await gateway.stop(STOP_GRACE_S)
        feeding.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await feeding


async def _feed(source: Source, gateway: Gateway) -> None:
    gateway.source_running = True
    try:
        await source.run()
    except Exception:
        gateway.source_running = False
        _log.exception("source_failed")
        raise


def _build_source(config: Config, log: Log) -> Source:
    if config.source.kind == "replay":
        return _build_replay(config, log)
    engine = Engine(ExchangeState(config.instruments, config.open_orders_max))
    if config.source.kind == "exchange":
        return ExchangeSource(engine, log, now_ms, config.demo_credits)
    try:
        traders = Traders(config.instruments, config.seed)
    except ValueError as error:
        raise StartError(str(error)) from None
    hours = config.history_hours
    return SimulateSource(engine, log, now_ms, config.demo_credits, traders=traders, history_hours=hours)


def _build_replay(config: Config, log: Log) -> Source:
    try:
        recordings = open_recordings(",".join(map(str, config.source.files)), config.instruments)
    except RecordingError as error:
        raise StartError(str(error)) from None
    return ReplaySource(recordings, log, config.instruments, speed=config.speed, loop=config.loop)


def _build_gateway(config: Config, source: Source, metrics: Metrics) -> Gateway:
    hub = Hub(config.instruments, config.ticker_interval_ms, config.kline_interval_ms)
    for name in hub.counters():
        metrics.watch(name, "Should stay 0 with a sound source", partial(_counter, hub, name))
    keys = KeyStore(config.data_dir / "keys.sqlite")
    limits = Limits(
        public_subscriptions_max=config.public_subscriptions_max,
        private_subscriptions_max=config.private_subscriptions_max,
        messages_per_minute_max=config.messages_per_minute_max,
    )
    settings = GatewaySettings(
        connections_per_ip=config.connections_per_ip,
        connections_max=config.connections_max,
        handshake_timeout_ms=config.handshake_timeout_ms,
        origins=config.origins,
        trusted_proxies=config.trusted_proxies,
        message_bytes_max=config.message_bytes_max,
        queue_bytes_max=config.queue_bytes_max,
        ping_interval_ms=config.ping_interval_ms,
        pong_timeout_ms=config.pong_timeout_ms,
    )
    desk = Desk(hub, Authenticator(config.signing_secret().reveal(), keys), limits)
    return Gateway(desk, source, settings, metrics, now_ms)


def _counter(hub: Hub, name: str) -> float:
    return hub.counters()[name]


def run(config: Config) -> int:
    """Serve until a signal asks to stop; return the exit code of the process."""
    try:
        return uvloop.run(_run(config))
    except StartError as error:
        print(f"finalex: {error}", file=sys.stderr)
        return 1


async def _run(config: Config) -> int:
    stopping = _stop_signal()
    async with serving(config) as server:
        print(_welcome(config, server), flush=True)
        await asyncio.wait({server.feeding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if server.feeding.done() and server.feeding.exception() is None:
            await stopping  # a recording that has ended is still served
        failed = not stopping.done()
        _log.info("stopping")
    return 1 if failed else 0


def _stop_signal() -> asyncio.Future[None]:
    """Return a future that the first SIGTERM or Ctrl-C resolves; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stopping.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopping


def _welcome(config: Config, server: Server) -> str:
    scopes = frozenset({"read", "trade"})
    token = sign_token(config.signing_secret(), Grant(user=TRIAL_USER, scopes=scopes, ttl_ms=TRIAL_TOKEN_MS), now_ms())
    lines = [
        f"Finalex {__version__}: {_market(config)}",
        "",
        f"  WebSocket  ws://{server.authority}",
        f"  HTTP       http://{server.authority}/  (/health, /ready, /metrics)",
        f"  Token      {token}",
        f"             (user {TRIAL_USER}, 24 hours; another: finalex token --user NAME)",
        f"  Try        ws://{server.authority}/?token=<the token>",
        '             {"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC/USDT"}}',
    ]
    if config.demo_credits:
        lines.append("  Accounts   every new account starts with demo balances (--demo-balances false: with none)")
    return "\n".join([*lines, "", "Ctrl-C stops."])


def _market(config: Config) -> str:
    markets = f"{len(config.instruments)} markets"
    match config.source.kind:
        case "simulate":
            return f"an exchange with simulated traders, {markets}"
        case "exchange":
            return f"an exchange without other traders, {markets}"
        case _:
            return f"recordings of {', '.join(map(str, config.source.files))}; orders are not taken"
