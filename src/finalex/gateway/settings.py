"""What the gateway can be told."""

from ipaddress import IPv4Network, IPv6Network

import msgspec

from finalex.gateway.assembler import FRAGMENTS_MAX

Network = IPv4Network | IPv6Network


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and times of the gateway.

    More than `lagging_bytes` waiting for a connection means that it lags, more than `queue_bytes_max` that it is too
    slow; for all that are slow together `queues_bytes_max` may wait. With `compression` clients that offer permessage-
    deflate get it. An address may make `handshakes_per_minute_max` handshakes, all together
    `handshakes_per_second_max`. A connection may send `bytes_per_minute_max` in a minute, all of an address
    `bytes_per_minute_per_ip_max`, all together `bytes_per_minute_of_all_max`. A message in fragments must be finished
    within `message_timeout_ms`. A connection that has not logged in, has subscribed to nothing and sends nothing for
    `anonymous_idle_timeout_ms` is closed. `live` says that the log's clock is the wall clock. With `reuse_port` other
    processes of the same user may listen on the port, too. `origins` empty allows any origin. With `proxy_protocol` the
    trusted proxies speak that and nobody else may. Within `sweep_interval_ms` every connection is looked at once:
    pings, time-outs and expiring credentials are that exact. After a close frame a client has `close_timeout_ms` to
    answer, one that was too slow `slow_close_timeout_ms`, and whatever it still sends is read for `linger_ms`.
    """

    connections_per_ip: int = 10
    connections_max: int = 50_000
    refusals_per_minute_max: int = 10
    handshakes_max: int = 4096
    handshake_timeout_ms: int = 10_000
    handshakes_per_minute_max: int = 600
    handshakes_per_second_max: int = 5000
    reuse_port: bool = False
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    proxy_protocol: bool = False
    message_bytes_max: int = 65_536
    fragments_max: int = FRAGMENTS_MAX
    message_timeout_ms: int = 30_000
    bytes_per_minute_max: int = 1 << 23
    bytes_per_minute_per_ip_max: int = 1 << 25
    bytes_per_minute_of_all_max: int = 1 << 30
    anonymous_idle_timeout_ms: int = 600_000
    lagging_bytes: int = 1 << 18
    queue_bytes_max: int = 1 << 20
    queues_bytes_max: int = 1 << 28
    compression: bool = False
    live: bool = True
    ping_interval_ms: int = 30_000
    pong_timeout_ms: int = 10_000
    sweep_interval_ms: int = 1000
    close_timeout_ms: int = 5000
    slow_close_timeout_ms: int = 30_000
    linger_ms: int = 2000
    reconnect_after_ms: int = 1000
    reconnect_spread_ms: int = 10_000
