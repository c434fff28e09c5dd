"""What one gateway tells the others, and what it makes of what they tell; without I/O."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from finalex.cluster.presence_messages import KEYS_PER_MESSAGE_MAX, Ask, Changes, Counts, Gone, Message, Piece
from finalex.cluster.presence_peers import KEYS_PER_NODE_MAX, NOBODY, Peers


class Gossip:
    """The part of the gateway `node` in the talk of all gateways, since `epoch`, the wall-clock time of its begin.

    What `changes`, `beat` and `pieces` return must be sent in that order, or `skip` be called: then the others notice,
    and ask for everything.
    """

    def __init__(self, node: str, epoch: int) -> None:
        self.peers = Peers()
        self.own: Counts = {}
        self.asked = False
        """Whether somebody wants to be told everything."""
        self.twins = 0
        """How many messages came from another gateway with the same name."""
        self._node = node
        self._epoch = epoch
        self._changed: dict[str, None] = {}
        self._number = 0

    # --- telling ----------------------------------------------------------------------------------------

    def tell(self, key: str, count: int, wall_ms: int) -> None:
        """Take note of how many connections of `key` are here at `wall_ms`; one key too many is kept to oneself."""
        before, since_ms = self.own.get(key, NOBODY)
        if count == before or (not before and len(self.own) >= KEYS_PER_NODE_MAX):
            return
        if count:
            self.own[key] = count, wall_ms if count > before else since_ms
        else:
            self.own.pop(key, None)
        self._changed[key] = None

    def changes(self) -> list[Changes]:
        """Return what changed since this was called last."""
        changed, self._changed = {key: self.own.get(key, NOBODY) for key in self._changed}, {}
        return [Changes(self._node, self._epoch, self._next(), part) for part in _parted(changed)]

    def beat(self) -> Changes:
        """Return a sign of life."""
        return Changes(self._node, self._epoch, self._next(), {})

    def pieces(self) -> list[Piece]:
        """Return everything there is here."""
        self.asked = False
        parts = list(_parted(self.own)) or [{}]
        return [Piece(self._node, self._epoch, self._next(), n, len(parts), part) for n, part in enumerate(parts)]

    def ask(self, asked: Sequence[str] = ()) -> Ask:
        """Return the wish to be told everything by the gateways `asked`, or by all."""
        return Ask(self._node, list(asked))

    def leave(self) -> Gone:
        """Return the last word."""
        return Gone(self._node, self._epoch)

    def skip(self) -> None:
        """Forget to tell what changed; the others will notice and ask."""
        self._changed = {}
        self._next()

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- hearing ----------------------------------------------------------------------------------------

    def take(self, message: Message, now_ms: float) -> Collection[str]:
        """Take in a message at `now_ms` of a clock that never goes back; return the keys that may count differently."""
        if message.node == self._node:
            self.twins += not isinstance(message, Ask) and message.epoch != self._epoch
            return ()
        if isinstance(message, Ask):
            self.asked = self.asked or not message.asked or self._node in message.asked
            return ()
        return self.peers.take(message, now_ms)

    def excess(self, key: str, limit: int) -> int:
        """Return how many of the connections of `key` are too many in all, 0 if it has none here."""
        here = self.own.get(key, NOBODY)[0]
        return max(0, here + self.peers.count(key) - limit) if here else 0

    def is_latest(self, key: str) -> bool:
        """Whether the last connection of `key` came here: all gateways that know the same agree on one."""
        return (self.own.get(key, NOBODY)[1], self._node) > self.peers.latest(key)


def _parted(counts: Counts) -> Iterator[Counts]:
    """Iterate `counts` in parts of the size of a message."""
    items = iter(counts.items())
    while part := dict(islice(items, KEYS_PER_MESSAGE_MAX)):
        yield part
