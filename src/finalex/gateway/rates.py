"""How much of something in a time: token buckets, alone or one for each address."""

ADDRESSES_MAX = 10_000
"""How many addresses have a bucket; the one that was used longest ago is emptied of its past first."""


class Bucket:
    """Gives out as much as `size` at once, and fills again within `refill_ms`.

    Times are milliseconds of any one clock that never goes back.
    """

    __slots__ = ("_at_ms", "_left", "_refill_ms", "_size")

    def __init__(self, size: int, refill_ms: int, now_ms: float) -> None:
        self._size = size
        self._refill_ms = refill_ms
        self._left: float = size
        self._at_ms = now_ms

    @property
    def taken(self) -> float:
        """How much it lacked when something was last taken."""
        return self._size - self._left

    def take(self, amount: int, now_ms: float) -> bool:
        """Take `amount`, or return `False` and take nothing if so much is not there."""
        refilled = (now_ms - self._at_ms) * self._size / self._refill_ms
        self._left = min(self._size, self._left + refilled)
        self._at_ms = now_ms
        if self._left < amount:
            return False
        self._left -= amount
        return True


class Buckets:
    """A bucket for each address."""

    def __init__(self, size: int, refill_ms: int) -> None:
        self._size = size
        self._refill_ms = refill_ms
        self._buckets: dict[str, Bucket] = {}

    def of(self, address: str, now_ms: float) -> Bucket:
        """Return the bucket of `address`, which is full if it was not used for long."""
        bucket = self._buckets.pop(address, None) or Bucket(self._size, self._refill_ms, now_ms)
        self._buckets[address] = bucket  # now the youngest
        if len(self._buckets) > ADDRESSES_MAX:
            del self._buckets[next(iter(self._buckets))]
        return bucket
