"""The tape: a symbol's last trades."""

from collections import deque
from collections.abc import Iterable

from finalex.model.events import Traded


class Tape:
    """Keeps the last `trades_max` trades."""

    def __init__(self, trades_max: int) -> None:
        self._trades: deque[Traded] = deque(maxlen=trades_max)

    def add(self, trade: Traded) -> None:
        """Keep `trade` as the newest."""
        self._trades.append(trade)

    def last(self, count: int) -> list[Traded]:
        """Return the last `count` trades (or all there are), oldest first."""
        return list(self._trades)[-count:] if count > 0 else []

    @property
    def number(self) -> int:
        """The number of the newest trade, 0 before the first."""
        return self._trades[-1].trade if self._trades else 0

    def since(self, number: int) -> list[Traded] | None:
        """Return the trades after that `number`, oldest first, or `None` if not all of them are kept."""
        since = self.last(self.number - number)
        return None if since and since[0].trade != number + 1 else since

    def save(self) -> list[Traded]:
        """Return all kept trades, oldest first."""
        return list(self._trades)

    def load(self, saved: Iterable[Traded]) -> None:
        """Take over what `save` returned."""
        self._trades.extend(saved)
