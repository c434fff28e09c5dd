"""The tape: a symbol's last trades."""

from collections import deque

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
