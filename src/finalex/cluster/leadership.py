"""Who leads, as far as the log tells: whoever wrote its last record, unless that is long ago."""

from collections.abc import Callable

SILENT_MS_MAX = 1000
"""A leader writes at least every 50 ms: when nothing has come for this long, nobody leads, or nobody reaches us."""


class Leadership:
    """Follows who writes the log.

    `silent_ms` tells how long no record has come; while `connected` says no, nobody can be reached.
    """

    def __init__(self, silent_ms: Callable[[], float], connected: Callable[[], bool]) -> None:
        self._silent_ms = silent_ms
        self._connected = connected
        self._writer = ""
        self._leaving = False

    @property
    def writer(self) -> str:
        """Who wrote the last record, empty before the first."""
        return self._writer

    @property
    def leader(self) -> str | None:
        """The writer that takes commands, or `None` while nobody does."""
        lost = self._leaving or not self._connected() or self._silent_ms() > SILENT_MS_MAX
        return None if lost or not self._writer else self._writer

    def note(self, writer: str, *, leaving: bool) -> bool:
        """Take in who wrote the next record, and whether it was that one's last; return whether it is somebody else.

        By then everything that the one before accepted is in the log.
        """
        changed = writer != self._writer
        self._writer, self._leaving = writer, leaving
        return changed
