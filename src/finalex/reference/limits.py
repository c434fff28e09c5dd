"""The limits and intervals of a server, from its configuration and from the protocol's own bounds."""

from typing import Final

from finalex.config import SETTINGS, Config
from finalex.protocol.requests import CLIENT_ORDER_ID_LENGTH_MAX, ID_LENGTH_MAX, ITEMS_MAX, PAST_MESSAGES_MAX
from finalex.protocol.streams import HISTORY_MAX
from finalex.reference.forms import Limit

_UNITS: Final = {
    "public_subscriptions_max": "",
    "private_subscriptions_max": "",
    "connections_per_ip": "",
    "connections_per_account": "",
    "messages_per_minute_max": "",
    "message_bytes_max": "bytes",
    "fragments_max": "",
    "message_timeout_ms": "ms",
    "bytes_per_minute_max": "bytes",
    "bytes_per_minute_per_ip_max": "bytes",
    "anonymous_idle_timeout_ms": "ms",
    "orders_per_second_max": "",
    "open_orders_max": "",
    "ticker_interval_ms": "ms",
    "kline_interval_ms": "ms",
    "heartbeat_interval_ms": "ms",
    "ping_interval_ms": "ms",
    "pong_timeout_ms": "ms",
    "handshakes_per_minute_max": "",
    "handshake_timeout_ms": "ms",
    "lagging_bytes": "bytes",
    "queue_bytes_max": "bytes",
    "queues_bytes_max": "bytes",
    "slow_close_timeout_ms": "ms",
}
"""The settings that a client meets, with the units of their values."""

_FIXED: Final = (
    ("subscriptions_items_max", ITEMS_MAX, "Items of one `subscriptions` list."),
    ("past_messages_max", PAST_MESSAGES_MAX, "Past messages that one request may ask for altogether."),
    ("history_max", HISTORY_MAX, "Past messages that one subscription may ask for (`snapshot`, `history`)."),
    ("id_length_max", ID_LENGTH_MAX, "Characters of a request's `id`."),
    ("client_order_id_length_max", CLIENT_ORDER_ID_LENGTH_MAX, "Characters of a `client_order_id`."),
)


def limits_of(config: Config) -> tuple[Limit, ...]:
    """Return every limit that a client of a server with `config` meets."""
    settings = (
        Limit(name=name, meaning=SETTINGS[name].description, value=getattr(config, name), unit=unit, setting=True)
        for name, unit in _UNITS.items()
    )
    fixed = (Limit(name=name, meaning=meaning, value=value, unit="", setting=False) for name, value, meaning in _FIXED)
    return (*settings, *fixed)
