"""Which gateway a configuration asks for, made of what is kept."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import structlog

from finalex.authentication import Authentication
from finalex.channels.hub import Hub
from finalex.chaos.sandbox import Sandbox, SandboxGateway
from finalex.config import SETTINGS, Config
from finalex.descriptors import raise_limit, share_out
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.switchboard import Recaller, Venue
from finalex.metrics import Metrics
from finalex.served_pages import served_pages
from finalex.session.desk import Desk
from finalex.session.elsewhere import NOWHERE, Elsewhere
from finalex.session.limits import Limits
from finalex.session.order_rates import OrderRates
from finalex.session.seats import Seats

_log = structlog.get_logger("finalex.app")


class Viewed(Protocol):
    """The view that a gateway shows, and the past of it; see `persistence.Kept`."""

    @property
    def hub(self) -> Hub:
        """The view."""
        ...

    @property
    def recaller(self) -> Recaller:
        """Who reads the log again for clients that come back."""
        ...

    def watch(self, metrics: Metrics) -> None:
        """Show in `metrics` how the log does."""
        ...


def build_gateway(
    config: Config,
    kept: Viewed,
    venue: Venue,
    metrics: Metrics,
    authentication: Authentication,
    now_ms: Callable[[], int],
    elsewhere: Elsewhere = NOWHERE,
) -> Gateway:
    """Return the gateway, a sandbox if the configuration asks for one; raises `SettingError`.

    `elsewhere` are the other gateways of the exchange, for limits that are counted together.
    """
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
    rates, seats = OrderRates(config.orders_per_second_max), Seats(config.connections_per_account, elsewhere)
    desk = Desk(hub, authentication.authenticator, limits, config.heartbeat_interval_ms, rates, seats)
    parts = (desk, venue, settings, metrics, now_ms, kept.recaller, served_pages(config), elsewhere)
    if config.chaos is not None:
        return SandboxGateway(Sandbox(config.chaos.profile, config.chaos_seed, metrics), *parts)
    return Gateway(*parts)


def _counter(hub: Hub, name: str) -> float:
    return hub.counters()[name]
