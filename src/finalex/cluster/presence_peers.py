"""What the other gateways have, as far as they have told."""

from collections.abc import Collection
from itertools import islice

from finalex.cluster.presence_messages import Changes, Counts, Gone, Piece, is_address

SILENT_MS = 3000
"""A gateway that was silent for so long is forgotten: it has ended, or cannot be reached."""

NODES_MAX = 256
"""More gateways are not listened to: their connections count for themselves only."""

KEYS_PER_NODE_MAX = 100_000
"""So many addresses and accounts of one gateway are known to the others."""

KEYS_MAX = 2_000_000
"""So many of all gateways are remembered, at some 200 bytes each; one that is told anew takes twice its place."""

NOBODY = (0, 0)
"""What there is of a key that nobody has."""

NOWHERE = (0, "")


class Peer:
    """One other gateway: what it has told since `epoch`, and whether that is all it has."""

    def __init__(self, epoch: int, now_ms: float) -> None:
        self.epoch = epoch
        self.number = 0
        self.heard_ms = now_ms
        self.counts: Counts = {}
        self.connections = 0
        self.complete = True
        self._arriving: Counts | None = None
        self._parts = 0

    @property
    def unsure(self) -> bool:
        """Whether something was missed, and is not on its way already."""
        return not self.complete and self._arriving is None

    def take(self, message: Changes | Piece, keys_max: int) -> Collection[str]:
        """Take in the next message and return the keys that may count differently now.

        A key above `keys_max` is not remembered.
        """
        if message.number != self.number + 1:
            self.complete, self._arriving = False, None
        self.number = message.number
        if isinstance(message, Piece):
            return self._take_piece(message, keys_max)
        self._arriving = None  # pieces with something between them are not of one moment
        self._put(message.counts, keys_max)
        return message.counts.keys()

    def _take_piece(self, piece: Piece, keys_max: int) -> Collection[str]:
        if self.complete:
            return ()
        if piece.part == 0:
            self._arriving, self._parts = {}, 0
        if self._arriving is None or piece.part != self._parts:
            self._arriving = None
            return ()
        self._arriving |= islice(piece.counts.items(), max(0, keys_max - len(self._arriving)))
        self._parts += 1
        if self._parts < piece.parts:
            return ()
        self.counts, self._arriving, self.complete = self._arriving, None, True
        self.connections = sum(held[0] for key, held in self.counts.items() if is_address(key))
        return self.counts.keys()

    def _put(self, counts: Counts, keys_max: int) -> None:
        for key, held in counts.items():
            before, _ = self.counts.get(key, NOBODY)
            if held[0] == 0:
                self.counts.pop(key, None)
            elif before or len(self.counts) < keys_max:
                self.counts[key] = held
            else:
                continue
            if is_address(key):
                self.connections += held[0] - before


class Peers:
    """All other gateways; times are milliseconds of any one clock that never goes back."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def connections(self) -> int:
        """How many connections they have in all."""
        return sum(peer.connections for peer in self._peers.values())

    def count(self, key: str) -> int:
        """Return how many connections of `key` they have."""
        return sum(peer.counts[key][0] for peer in self._peers.values() if key in peer.counts)

    def latest(self, key: str) -> tuple[int, str]:
        """Return when the last connection of `key` came to any of them, and to which; `NOWHERE` without one."""
        return max(
            ((peer.counts[key][1], node) for node, peer in self._peers.items() if key in peer.counts), default=NOWHERE
        )

    def unsure(self) -> list[str]:
        """Return those of which something was missed."""
        return [node for node, peer in self._peers.items() if peer.unsure]

    def take(self, message: Changes | Piece | Gone, now_ms: float) -> Collection[str]:
        """Take in what one of them tells, and return the keys that may count differently now.

        What comes late or twice is passed over, and so is what there is no room for.
        """
        peer = self._peers.get(message.node)
        if isinstance(message, Gone):
            if peer is not None and peer.epoch == message.epoch:
                del self._peers[message.node]
            return ()
        if peer is None or peer.epoch < message.epoch:
            if peer is None and len(self._peers) >= NODES_MAX:
                return ()
            peer = self._peers[message.node] = Peer(message.epoch, now_ms)
        if message.epoch < peer.epoch or message.number <= peer.number:
            return ()
        peer.heard_ms = now_ms
        room = KEYS_MAX - sum(len(each.counts) for each in self._peers.values())
        return peer.take(message, min(KEYS_PER_NODE_MAX, len(peer.counts) + room))

    def forget_silent(self, now_ms: float) -> None:
        """Forget those that were silent for too long."""
        self._peers = {node: peer for node, peer in self._peers.items() if now_ms - peer.heard_ms < SILENT_MS}
