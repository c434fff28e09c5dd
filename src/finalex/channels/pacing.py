"""Pacing: what changes often is published at most so often, and the last change always."""

from collections import deque

import msgspec


class SavedPacing(msgspec.Struct, frozen=True):
    """What is due, in order, and until when each held symbol is held and whether it changed since, the first first."""

    due: list[str]
    holds: list[tuple[int, str, bool]]


class Pacing:
    """Decides, by the log's clock, when a changed symbol is published.

    A change after a quiet time is due at once; then the symbol is held for `interval_ms`, and due again at the
    end if it changed meanwhile. A batch costs work only for symbols that are due or whose hold ends.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._due: dict[str, None] = {}  # ordered: in the order of change
        self._held: dict[str, bool] = {}  # whether it changed since
        self._holds: deque[tuple[int, str]] = deque()  # when each hold ends, the next one first

    def touch(self, symbol: str) -> None:
        """Note that `symbol` changed."""
        if symbol in self._held:
            self._held[symbol] = True
        else:
            self._due[symbol] = None

    def take_due(self, now_ms: int) -> list[str]:
        """Return the symbols to publish now, in order, each once; they are held from now on."""
        holds = self._holds
        while holds and holds[0][0] <= now_ms:
            _, symbol = holds.popleft()
            if self._held.pop(symbol):
                self._due[symbol] = None
        if not self._due:
            return []
        due = list(self._due)
        self._due.clear()
        for symbol in due:
            self._held[symbol] = False
            holds.append((now_ms + self._interval_ms, symbol))
        return due

    def save(self) -> SavedPacing:
        """Return everything; it follows no later change."""
        return SavedPacing(list(self._due), [(end_ms, symbol, self._held[symbol]) for end_ms, symbol in self._holds])

    def load(self, saved: SavedPacing) -> None:
        """Take over, into a new pacing, what `save` returned; a hold keeps the end it has, whatever the interval."""
        self._due = dict.fromkeys(saved.due)
        self._holds.extend((end_ms, symbol) for end_ms, symbol, _ in saved.holds)
        self._held = {symbol: changed for _, symbol, changed in saved.holds}
