"""How many connections each account has, over all addresses."""

from collections import Counter

from finalex.protocol.errors import ErrorCode, RequestError


class Seats:
    """Counts the connections that are logged in, by account; 0 means any number."""

    __slots__ = ("_per_account_max", "_taken")

    def __init__(self, per_account_max: int = 0) -> None:
        self._per_account_max = per_account_max
        self._taken: Counter[str] = Counter()

    def take(self, user: str) -> None:
        """Count a connection in; raises `RequestError` `CONNECTION_LIMIT` for one too many."""
        if self._per_account_max and self._taken[user] >= self._per_account_max:
            details = f"close another connection of this account first: it may have {self._per_account_max}"
            raise RequestError(ErrorCode.CONNECTION_LIMIT, details)
        self._taken[user] += 1

    def leave(self, user: str) -> None:
        """Count a connection out that was in."""
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]

    @property
    def accounts(self) -> int:
        """How many accounts are connected."""
        return len(self._taken)
