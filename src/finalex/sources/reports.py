"""What a source reports about the market data that it reads."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

WARNINGS_MAX = 100
"""So many problems of a file are logged one by one; all are counted."""


class Problem(StrEnum):
    """Everything that can be wrong with market data from outside; each is counted under its name."""

    UNREADABLE = "unreadable"
    """A torn or garbage line, or a file that ends early; the book is given up if an update may be lost."""
    INVALID = "invalid"
    """A number does not fit the instrument, or the book would be crossed; the message is not used."""
    GAP = "gap"
    """Updates of the book or trades are missing; without an update the book is given up."""
    HOLE = "hole"
    """The recorder was disconnected for a while; its books are given up."""
    REPEATED = "repeated"
    """A message that was there before, or a snapshot older than the book; ignored."""
    LATE = "late"
    """A trade came with a time that was over already; its time was raised."""
    NO_SNAPSHOT = "no_snapshot"
    """Updates pass and no snapshot comes: there is no book."""
    FOREIGN = "foreign"
    """A message of another symbol than the file's; ignored."""


Report = Callable[[Problem, str], None]
"""Called with every problem and a sentence that says what and where in the data."""

_logger = structlog.get_logger()


class Reports:
    """Counts problems, and logs the first `WARNINGS_MAX` of each file."""

    def __init__(self) -> None:
        self.problems: Counter[Problem] = Counter()
        self._warnings: Counter[Path] = Counter()

    def open(self, path: Path, symbols: str) -> None:
        """Note that a file is read from its beginning."""
        self._warnings.pop(path, None)
        _logger.info("replay of a file", **_place(path, symbols))

    def report(self, problem: Problem, details: str, path: Path, line: int, symbols: str) -> None:
        """Count a problem, and log it with the place where it was found; `symbols` may be empty."""
        self.problems[problem] += 1
        self._warnings[path] += 1
        place = _place(path, symbols) | {"line": line}
        if self._warnings[path] <= WARNINGS_MAX:
            _logger.warning("replay problem", problem=problem.value, details=details, **place)
        elif self._warnings[path] == WARNINGS_MAX + 1:
            _logger.warning("more problems of this file are only counted", **place)


def _place(path: Path, symbols: str) -> dict[str, str | int]:
    place: dict[str, str | int] = {"file": str(path)}
    return place | ({"symbol": symbols} if symbols else {})
