"""How often what clients do is recorded: nobody may drown the record in their own noise."""

from collections import Counter

WINDOW_MS = 60_000
PER_ADDRESS_MAX = 60
"""Entries of one event from one address in a window; the rest is counted."""

TOTAL_MAX = 6000
"""Entries of one event from all addresses in a window."""

ADDRESSES_MAX = 10_000
"""How many addresses are told apart in a window; those beyond count as one."""


class Throttle:
    """Decides for one kind of event which entries are made, and counts the others."""

    def __init__(self) -> None:
        self._began_ms = -WINDOW_MS
        self._made: Counter[str] = Counter()
        self._total = 0
        self.left_out = 0
        """How many entries were left out in this window."""

    def take(self, address: str, now_ms: int) -> tuple[bool, int]:
        """Return whether to make an entry of what `address` did, and how many were left out in windows that ended.

        That number is told once.
        """
        told = 0
        if not self._began_ms <= now_ms < self._began_ms + WINDOW_MS:
            told, self.left_out = self.left_out, 0
            self._began_ms, self._total = now_ms, 0
            self._made.clear()
        place = address if address in self._made or len(self._made) < ADDRESSES_MAX else ""
        if self._made[place] >= PER_ADDRESS_MAX or self._total >= TOTAL_MAX:
            self.left_out += 1
            return False, told
        self._made[place] += 1
        self._total += 1
        return True, told
