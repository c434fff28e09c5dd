"""What every log has in common: where it ends, and who is told of its batches."""

from finalex.log.delivery import Delivery
from finalex.log.port import Follower, OnDurable


class NumberedLog:
    """A log whose last batch is `sequence` at `time_ms`; subclasses append, give out, read and close."""

    def __init__(self, sequence: int, time_ms: int) -> None:
        self._sequence, self._time_ms = sequence, time_ms
        self._delivery = Delivery(sequence)

    @property
    def sequence(self) -> int:
        """See `Log.sequence`."""
        return self._sequence

    @property
    def time_ms(self) -> int:
        """See `Log.time_ms`."""
        return self._time_ms

    def follow(self, follower: Follower) -> None:
        """See `Log.follow`."""
        self._delivery.follow(follower)

    def when_durable(self, sequence: int, callback: OnDurable) -> None:
        """See `Log.when_durable`."""
        if sequence > self._sequence:
            raise ValueError(f"there is no batch {sequence} yet")
        self._delivery.when_durable(sequence, callback)
