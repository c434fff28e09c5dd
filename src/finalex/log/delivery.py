"""Delivery: durable batches go to the followers, then to whoever waits for them."""

from collections import defaultdict, deque

from finalex.log.port import Follower, OnDurable
from finalex.model.events import Batch


class Delivery:
    """The followers of a log and the callbacks that wait; `sequence` is the last that all followers were given."""

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence
        self._followers: list[Follower] = []
        self._callbacks: defaultdict[int, list[OnDurable]] = defaultdict(list)
        self._due: deque[Batch] = deque()
        self._giving = False

    def follow(self, follower: Follower) -> None:
        """See `Log.follow`."""
        self._followers.append(follower)

    def when_durable(self, sequence: int, callback: OnDurable) -> None:
        """See `Log.when_durable`; the caller knows that `sequence` exists."""
        if sequence <= self.sequence:
            callback(True)
        else:
            self._callbacks[sequence].append(callback)

    def give(self, batch: Batch) -> None:
        """Give `batch`, the next, to every follower, then call back whoever waits for it; raises what they raise.

        A callback that causes another batch to be given: that one comes when the callbacks of this one are done.
        """
        self._due.append(batch)
        if self._giving:
            return
        self._giving = True
        try:
            while self._due:
                self._give(self._due.popleft())
        finally:
            self._giving = False

    def _give(self, batch: Batch) -> None:
        try:
            for follower in self._followers:
                follower(batch)
        finally:
            self.sequence = batch.sequence
            for callback in self._callbacks.pop(batch.sequence, ()):
                callback(True)

    def abandon(self) -> None:
        """Tell whoever still waits that it will never be known."""
        callbacks, self._callbacks = self._callbacks, defaultdict(list)
        for sequence in sorted(callbacks):
            for callback in callbacks[sequence]:
                callback(False)
