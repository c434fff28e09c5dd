"""The limits that all gateways of an exchange keep together: connections of an address, connections of an account.

Every gateway tells the others over NATS how many it has: what changes at once, everything whenever somebody has missed
a message, and every second a sign of life. Each adds the others' counts to its own when somebody comes. A gateway that
was silent for `SILENT_MS` is forgotten, so without NATS each counts for itself, as it would alone.

Two gateways may admit somebody at the same moment, before they have heard of each other, or while NATS is away. Once
they have, and the sum is still above the limit after `SETTLE_MS`, the gateway to which the last one came ends as many
of its own as are too many, the youngest first.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple, Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from finalex.bus.names import Names
from finalex.cluster.presence_gossip import Gossip
from finalex.cluster.presence_messages import (
    Message,
    PresenceError,
    account_key,
    address_key,
    decode,
    encode,
    is_address,
    key_parts,
)
from finalex.cluster.presence_peers import SILENT_MS
from finalex.ending import end_tasks
from finalex.metrics import Metrics

BEAT_S = 1.0
"""How often there is a sign of life; everything is asked for and told at most as often."""

CHANGES_APART_S = 0.005
"""What changes within this time is told together, except the first after a pause, which is told at once."""

SETTLE_MS = 500
"""How long a sum must be above its limit before somebody goes: what is under way has arrived by then."""

PENDING_MAX = 20_000
"""How many messages of others may wait to be read; more are lost, which is noticed, and everything is asked for."""

PENDING_BYTES_MAX = 64 << 20

_log = structlog.get_logger("finalex.cluster")


class Caps(NamedTuple):
    """How many connections an address and an account may have in all; 0 means that any number of an account may."""

    address: int
    account: int = 0


class EndExcess(Protocol):
    """Ends the `count` youngest connections here of an address or an account; returns how many of them were open."""

    def __call__(self, count: int, *, address: str | None = None, user: str | None = None) -> int: ...  # noqa: D102


class Presence:
    """What the other gateways have, for the limits of this one: an `Elsewhere`, which may be told before it starts.

    `node` is the name of this gateway, which no other may have, and `now_ms` the wall clock. Everything happens on the
    loop of `client`, which reconnects by itself.
    """

    def __init__(self, client: Client, names: Names, node: str, caps: Caps, now_ms: Callable[[], int]) -> None:
        self.messages = 0
        self.dropped = 0
        self.ended = 0
        self._client = client
        self._subject = names.presence
        self._node = node
        self._caps = caps
        self._now_ms = now_ms
        self._gossip = Gossip(node, now_ms())
        self._woken = asyncio.Event()
        self._over_since_ms: dict[str, float] = {}
        self._asked_ms = self._told_ms = self._looked_ms = float("-inf")
        self._end_excess: EndExcess | None = None
        self._subscription: Subscription | None = None
        self._running: asyncio.Task[None] | None = None

    # --- life -------------------------------------------------------------------------------------------

    async def start(self, end_excess: EndExcess) -> None:
        """Begin to listen and to tell; `end_excess` is called for connections that are too many in all."""
        self._end_excess = end_excess
        self._subscription = await self._client.subscribe(
            self._subject,
            cb=self._take,
            pending_msgs_limit=PENDING_MAX,
            pending_bytes_limit=PENDING_BYTES_MAX,
        )
        await self._publish([self._gossip.ask()])
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Tell the others that nobody is here any more, and be silent; a client that is closed is no error."""
        running, self._running = self._running, None
        if running is not None:
            await end_tasks(running)
        await self._publish([self._gossip.leave()])
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    def watch(self, metrics: Metrics) -> None:
        """Show what there is to count."""
        peers = self._gossip.peers
        metrics.watch("cluster_gateways", "Other gateways that are heard of", lambda: len(peers))
        metrics.watch("cluster_connections", "Connections that they have", lambda: peers.connections)
        metrics.watch_total("presence_messages", "Messages of other gateways", lambda: self.messages)
        metrics.watch_total("presence_dropped", "Such messages that could not be understood", lambda: self.dropped)
        metrics.watch_total(
            "over_limit_closes", "Connections ended because too many came to all gateways", lambda: self.ended
        )

    # --- what the limits ask and tell -------------------------------------------------------------------

    @property
    def gateways(self) -> int:
        """How many other gateways are heard of."""
        return len(self._gossip.peers)

    def connections(self, address: str) -> int:
        """See `Elsewhere.connections`."""
        return self._gossip.peers.count(address_key(address))

    def seats(self, user: str) -> int:
        """See `Elsewhere.seats`."""
        return self._gossip.peers.count(account_key(user))

    def tell_connections(self, address: str, count: int) -> None:
        """See `Elsewhere.tell_connections`."""
        self._tell(address_key(address), count)

    def tell_seats(self, user: str, count: int) -> None:
        """See `Elsewhere.tell_seats`."""
        self._tell(account_key(user), count)

    def _tell(self, key: str, count: int) -> None:
        self._gossip.tell(key, count, self._now_ms())
        self._woken.set()

    # --- telling ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        beat_s = asyncio.get_running_loop().time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(beat_s):
                    await self._woken.wait()
            self._woken.clear()
            now_s = asyncio.get_running_loop().time()
            beats = now_s >= beat_s
            if beats:
                beat_s = now_s + BEAT_S
                self._look(now_s * 1000)
            await self._tell_others(now_s * 1000, beats=beats)
            await asyncio.sleep(CHANGES_APART_S)

    async def _tell_others(self, now_ms: float, *, beats: bool) -> None:
        if self._client.is_connected:
            await self._publish(self._news(now_ms, beats=beats))
        elif beats:
            self._gossip.skip()

    def _news(self, now_ms: float, *, beats: bool) -> list[Message]:
        gossip = self._gossip
        news: list[Message] = [*gossip.changes()]
        if beats and not news:
            news.append(gossip.beat())
        if gossip.asked and now_ms - self._told_ms >= BEAT_S * 1000:
            self._told_ms = now_ms
            news += gossip.pieces()
        unsure = gossip.peers.unsure()
        if unsure and now_ms - self._asked_ms >= BEAT_S * 1000:
            self._asked_ms = now_ms
            news.append(gossip.ask(unsure))
        return news

    async def _publish(self, messages: list[Message]) -> None:
        """Send messages; what is lost of them is missed by the others, who ask for everything then."""
        try:
            for message in messages:
                await self._client.publish(self._subject, encode(message))
        except (NatsError, OSError) as error:
            _log.warning("presence_not_told", reason=str(error).strip() or type(error).__name__)

    # --- hearing ----------------------------------------------------------------------------------------

    async def _take(self, message: Msg) -> None:
        try:
            news = decode(message.data)
        except PresenceError:
            self.dropped += 1
            return
        self.messages += news.node != self._node
        now_ms = asyncio.get_running_loop().time() * 1000
        twins = self._gossip.twins
        self._note_excess(self._gossip.take(news, now_ms), now_ms)
        if self._gossip.twins > twins == 0:
            _log.error("node_name_taken", node=self._node, what="two gateways have this name: the limits fail")
        if self._gossip.asked or self._gossip.peers.unsure():
            self._woken.set()

    def _note_excess(self, keys: Collection[str], now_ms: float) -> None:
        for key in keys:
            if self._excess(key) and key not in self._over_since_ms:
                self._over_since_ms[key] = now_ms

    def _look(self, now_ms: float) -> None:
        """Forget who is silent, unless it was this process that stood still, and settle what is too many."""
        if now_ms - self._looked_ms < SILENT_MS:
            self._gossip.peers.forget_silent(now_ms)
        self._looked_ms = now_ms
        for key, since_ms in list(self._over_since_ms.items()):
            excess = self._excess(key)
            if not excess:
                del self._over_since_ms[key]
            elif now_ms - since_ms >= SETTLE_MS and self._gossip.is_latest(key):
                self._settle(key, excess)

    def _excess(self, key: str) -> int:
        cap = self._caps.address if is_address(key) else self._caps.account
        return self._gossip.excess(key, cap) if cap or is_address(key) else 0

    def _settle(self, key: str, excess: int) -> None:
        address, user = key_parts(key)
        ended = self._end_excess(excess, address=address, user=user) if self._end_excess else 0
        self.ended += ended
        if ended:
            _log.info("connections_over_limit_ended", address=address, user=user, connections=ended)
