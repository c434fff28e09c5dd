"""How many connections each account has, over all addresses and gateways."""

from collections import Counter

from finalex.protocol.errors import ErrorCode, RequestError
from finalex.session.elsewhere import NOWHERE, Elsewhere


class Seats:
    """Counts the connections that are logged in, by account; 0 means any number."""

    __slots__ = ("_elsewhere", "_per_account_max", "_taken")

    def __init__(self, per_account_max: int = 0, elsewhere: Elsewhere = NOWHERE) -> None:
        self._per_account_max = per_account_max
        self._taken: Counter[str] = Counter()
        self._elsewhere = elsewhere

    def take(self, user: str) -> None:
        """Count a connection in; raises `RequestError` `CONNECTION_LIMIT` for one too many."""
        if self._per_account_max and self._taken[user] + self._elsewhere.seats(user) >= self._per_account_max:
            raise self.account_error
        self._taken[user] += 1
        self._tell(user)

    def leave(self, user: str) -> None:
        """Count a connection out that was in."""
        self._taken[user] -= 1
        self._tell(user)
        if not self._taken[user]:
            del self._taken[user]

    @property
    def address_error(self) -> RequestError:
        """What a connection too many of an address hears."""
        return RequestError(ErrorCode.CONNECTION_LIMIT, "close another connection from this address first")

    @property
    def account_error(self) -> RequestError:
        """What a connection too many of an account hears."""
        details = f"close another connection of this account first: it may have {self._per_account_max}"
        return RequestError(ErrorCode.CONNECTION_LIMIT, details)

    @property
    def accounts(self) -> int:
        """How many accounts are connected."""
        return len(self._taken)

    def _tell(self, user: str) -> None:
        if self._per_account_max:
            self._elsewhere.tell_seats(user, self._taken[user])
