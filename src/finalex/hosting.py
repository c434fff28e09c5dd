"""Which gateway a configuration asks for, made of what is kept."""

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from finalex.authentication import Authentication
from finalex.channels.hub import Hub
from finalex.chaos.sandbox import Sandbox, SandboxGateway
from finalex.config import SETTINGS, Config
from finalex.descriptors import raise_limit, share_out
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.metrics import Metrics
from finalex.persistence import Kept
from finalex.served_pages import served_pages
from finalex.session.desk import Desk
from finalex.session.limits import Limits
from finalex.session.order_rates import OrderRates
from finalex.session.seats import Seats
from finalex.sources.port import Source

_log = structlog.get_logger("finalex.app")


def build_gateway(
    config: Config,
    kept: Kept,
    source: Source,
    metrics: Metrics,
    authentication: Authentication,
    now_ms: Callable[[], int],
) -> Gateway:
    """Return the gateway, a sandbox if the configuration asks for one; raises `SettingError`."""
    hub = kept.hub
    for name in hub.counters():
        metrics.watch(name, "Should stay 0 with a sound source", partial(_counter, hub, name))
    kept.watch(metrics)
    limits = Limits(
        public_subscriptions_max=config.public_subscriptions_max,
        private_subscriptions_max=config.private_subscriptions_max,
        messages_per_minute_max=config.messages_per_minute_max,
    )
    room = share_out(raise_limit(), config.connections_max, GatewaySettings().handshakes_max)
    if room.connections < config.connections_max:
        _log.info("connections_limited", connections_max=room.connections, asked=config.connections_max)
    config.check_proxies()
    shared = SETTINGS.keys() & GatewaySettings.__struct_fields__
    given: dict[str, Any] = {name: getattr(config, name) for name in shared}
    given |= {"connections_max": room.connections, "handshakes_max": room.handshakes, "live": config.source.trading}
    settings = GatewaySettings(**given)
    rates, seats = OrderRates(config.orders_per_second_max), Seats(config.connections_per_account)
    desk = Desk(hub, authentication.authenticator, limits, config.heartbeat_interval_ms, rates, seats)
    parts = (desk, source, settings, metrics, now_ms, kept.recaller, served_pages(config))
    if config.chaos is not None:
        return SandboxGateway(Sandbox(config.chaos.profile, config.chaos_seed, metrics), *parts)
    return Gateway(*parts)


def _counter(hub: Hub, name: str) -> float:
    return hub.counters()[name]
