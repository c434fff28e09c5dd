"""How many orders a second each account may send, over all its connections."""

from finalex.model.rejects import RejectReason
from finalex.protocol.errors import ErrorCode, RequestError

ACCOUNTS_MAX = 100_000
"""So many accounts are remembered before those that have sent nothing for a second are forgotten."""

_SECOND_MS = 1000


class OrderRates:
    """A bucket for each account: it holds `per_second_max` orders and fills at that many a second; 0: any number."""

    __slots__ = ("_accounts_max", "_full_ms", "per_second_max")

    def __init__(self, per_second_max: int = 0, accounts_max: int = ACCOUNTS_MAX) -> None:
        self.per_second_max = per_second_max
        self._accounts_max = accounts_max
        self._full_ms: dict[str, float] = {}  # when the bucket of each account is full again

    @property
    def accounts(self) -> int:
        """How many accounts are remembered."""
        return len(self._full_ms)

    def take(self, user: str, now_ms: int) -> None:
        """Count one order of `user`; raises `order_rate_error` if the account may send none for now."""
        if not self.admits(user, now_ms):
            raise order_rate_error(self.per_second_max)

    def admits(self, user: str, now_ms: int) -> bool:
        """Count one order of `user` and return `True`, or count nothing if the account may send none for now."""
        if not self.per_second_max:
            return True
        full_ms = max(self._full_ms.get(user, 0.0), now_ms) + _SECOND_MS / self.per_second_max
        if full_ms > now_ms + _SECOND_MS:
            return False
        self._full_ms[user] = full_ms
        if len(self._full_ms) > self._accounts_max:
            self._full_ms = {user: until_ms for user, until_ms in self._full_ms.items() if until_ms > now_ms}
        return True


def order_rate_error(per_second_max: int) -> RequestError:
    """Return the refusal of an order above the rate, `ORDER_REJECTED`."""
    details = f"at most {per_second_max} orders a second and account"
    return RequestError(ErrorCode.ORDER_REJECTED, details, RejectReason.ORDER_RATE.value)
