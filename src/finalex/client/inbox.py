"""Inboxes: what has come for a subscription and was not taken yet."""

from collections import deque
from collections.abc import Callable
from enum import Enum

from finalex.client.errors import Gap

INBOX_MAX = 10_000
"""How many messages wait at most, unless the caller says otherwise."""


class Policy(Enum):
    """What to do when messages come faster than they are taken.

    `BLOCK` reads nothing more from the server, for all subscriptions of the client, until there is room: nothing is
    lost, but a server that has to wait long closes the connection, and the client comes back and resumes.
    `DROP_OLDEST` leaves out the oldest message that waits, and counts it. `LATEST_ONLY` keeps the newest message
    alone (that of each market, where a stream is of several), and counts the others.
    """

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    LATEST_ONLY = "latest_only"


class Inbox:
    """A queue of at most `size_max` messages; a `Gap` in it is never dropped, unless another stands right beside it.

    `dropped` counts the messages that were left out.
    """

    __slots__ = ("_blocks", "_items", "_size_max", "dropped")

    def __init__(self, policy: Policy = Policy.BLOCK, size_max: int = INBOX_MAX) -> None:
        if size_max < 1:
            raise ValueError("an inbox has room for at least one message")
        self._items: deque[object] = deque()
        self._blocks = policy is Policy.BLOCK  # looked at for every message
        self._size_max = 1 if policy is Policy.LATEST_ONLY else size_max
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def blocks(self) -> bool:
        """Whether nothing more should be read until some of it is taken."""
        return self._blocks and len(self._items) >= self._size_max

    def put(self, item: object) -> None:
        """Put a message, or a `Gap`, behind the others."""
        self._items.append(item)
        if not self._blocks and len(self._items) - isinstance(self._items[0], Gap) > self._size_max:
            self._drop()

    def take(self) -> object:
        """Take the oldest; raises `IndexError` if there is none."""
        return self._items.popleft()

    def clear(self) -> None:
        """Throw away what waits."""
        self._items.clear()

    def _drop(self) -> None:
        index = int(isinstance(self._items[0], Gap))
        self.dropped += not isinstance(self._items[index], Gap)
        del self._items[index]


class LatestInbox(Inbox):
    """The newest message of each kind, in the order in which they came; `kind` says of which kind a message is.

    The kinds are few: there is no other bound on how many wait.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: Callable[[object], object]) -> None:
        super().__init__(Policy.LATEST_ONLY)
        self._kind = kind

    def put(self, item: object) -> None:
        """See `Inbox.put`."""
        if not isinstance(item, Gap):
            self._leave_out(self._kind(item))
        self._items.append(item)

    def _leave_out(self, kind: object) -> None:
        for index, waiting in enumerate(self._items):
            if not isinstance(waiting, Gap) and self._kind(waiting) == kind:
                del self._items[index]
                self.dropped += 1
                return
