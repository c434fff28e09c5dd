"""The source of an engine that is not ours, made for an engine of ours that leads."""

from collections.abc import Callable

from nats.aio.client import Client

from finalex.cluster.external import NatsEvents, NatsVenue
from finalex.config import Config
from finalex.exchange.state import ExchangeState
from finalex.metrics import Metrics
from finalex.sources.external import ExternalSource
from finalex.sources.external_port import PositionedLog


def build_external(
    config: Config,
    state: ExchangeState,
    log: PositionedLog,
    client: Client,
    metrics: Metrics,
    now_ms: Callable[[], int],
) -> ExternalSource:
    """Return the source of an engine that is not ours; `client` may be used by others as well."""
    names = config.bus_names
    messages = NatsEvents(client, names, config.nats_replicas)
    source = ExternalSource(state, log, now_ms, messages, NatsVenue(client, names), config.command_timeout_ms)
    metrics.watch_labeled(
        "external_messages",
        "Messages of the external engine since this engine leads, by what became of them",
        "fate",
        lambda: {"taken": source.taken, "set_aside": source.refused},
    )
    return source
