"""A client whose subscriptions hand on the server's own messages, byte for byte."""

from finalex.client.client import Client
from finalex.client.driver import Token
from finalex.client.effects import Deliver, Effect
from finalex.client.errors import Gap
from finalex.client.inbox import Inbox
from finalex.client.link import Opener
from finalex.client.subscription import OnGap, Subscription
from finalex.protocol.streams import Stream
from finalex.terminal.observed import ObservedCore, Tell

PRIVATE_CHANNELS = ("account", "orders", "user_trades")
ALL_MARKETS_CHANNEL = "status"
"""The one public channel that can be followed without a symbol: then it tells of every market."""

CHANNELS = ("ticker", "orderbook", "trades", "kline", ALL_MARKETS_CHANNEL, *PRIVATE_CHANNELS)
"""What can be followed; each is made whole again after a lost connection as `finalex.client` does it."""


class RelayCore(ObservedCore):
    """A core that delivers, in the place of what it makes of a message, the message."""

    def received(self, text: bytes, now_ms: int) -> list[Effect]:
        """See `Core.received`; gaps stay in their places."""
        breaks = self._breaks()
        effects = super().received(text, now_ms)
        if self._breaks() != breaks:
            self._tell("An update of the order book is missing; asking for the whole book")
        return [_relayed(effect, text) for effect in effects]

    def _breaks(self) -> int:
        return sum(getattr(feed, "book", _UNBROKEN).breaks for feed in self.subscriptions)


class _Unbroken:
    breaks = 0


_UNBROKEN = _Unbroken()


class RelayClient(Client):
    """A client of `RelayCore`; nothing is lost silently: what is missing for good is given to `on_gap`."""

    def __init__(self, tell: Tell, url: str, opener: Opener, token: Token | None, api_key: str | None) -> None:
        super().__init__(RelayCore(tell), url, opener, token, api_key)

    def follow(self, stream: Stream, past: int, on_gap: OnGap) -> Subscription[bytes]:
        """Subscribe to a stream, beginning with `past` messages; reading waits while too much is not taken yet."""
        return self._subscribe(stream, past, Inbox(), on_gap)


def _relayed(effect: Effect, text: bytes) -> Effect:
    if isinstance(effect, Deliver) and not isinstance(effect.item, Gap):
        return Deliver(effect.key, text)
    return effect
