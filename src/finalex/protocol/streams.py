"""Streams: what is published, and what a subscription names."""

from typing import NamedTuple

DEPTHS = (5, 10, 20, 50, 100, 200, 500, 1000)
DEPTH_DEFAULT = 20

INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
INTERVAL_DEFAULT = "1m"

HISTORY_MAX = 1000
"""The most closed candles or past trades that a subscription may ask for."""

HEARTBEAT = "heartbeat"
"""The channel that each connection has of its own: it tells of the connection's other subscriptions."""


class Stream(NamedTuple):
    """One sequence of messages, the same for all its subscribers; fields that do not apply are empty.

    `symbol` is empty for a private stream of all symbols; `user` is empty for a public stream.
    """

    channel: str
    symbol: str = ""
    depth: int = 0
    interval: str = ""
    user: str = ""

    @property
    def private(self) -> bool:
        """Whether only its user may have it."""
        return bool(self.user)

    @property
    def slot(self) -> "Stream":
        """What a connection can have once: a book of another depth takes the same slot."""
        return self._replace(depth=0) if self.depth else self

    def params(self) -> dict[str, str | int]:
        """Return the subscription in the form that a client sends."""
        named = (("symbol", self.symbol), ("depth", self.depth), ("interval", self.interval))
        return {"channel": self.channel} | {name: value for name, value in named if value}
