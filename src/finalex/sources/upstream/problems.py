"""What goes wrong with an upstream: counted, and logged as far as somebody wants to read it."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import structlog

WARNINGS_MAX = 10
"""So many problems of a kind and market are logged one by one, from then on only the hundredth, thousandth, …"""

_logger = structlog.get_logger(__name__)


class Problem(StrEnum):
    """Everything that can be wrong with an upstream; each is counted under its name."""

    DISCONNECTED = "upstream_disconnected"
    """A stream broke or could not be opened; it is opened again, and a book is withdrawn until then."""
    SILENT = "upstream_silent"
    """Nothing was heard of a book for too long; it is withdrawn until something is."""
    MISSING = "upstream_missing"
    """The exchange does not have a market of the instruments; it stays without a book."""
    INVALID = "upstream_invalid"
    """A number does not fit the instrument: a trade is dropped, a book withdrawn; so is one that is crossed."""
    REPEATED = "upstream_repeated"
    """A trade or a book that was there before; dropped."""
    DISORDERED = "upstream_disordered"
    """A trade before an earlier one in time; dropped."""
    LATE = "upstream_late"
    """A trade came with a time that was over already; its time was raised."""
    OLD = "upstream_old"
    """A trade from before the server was there; dropped."""
    AHEAD = "upstream_ahead"
    """A trade from the future: dropped. If there are many, one of the two clocks is wrong."""


Report = Callable[[Problem, str], None]
"""Called with every problem of a market and a sentence that says what."""


class Problems:
    """Counts in `counts`, by name, what goes wrong with the upstream `name`, and logs it."""

    def __init__(self, name: str, counts: Counter[str]) -> None:
        self._name = name
        self._counts = counts
        self._logged: Counter[tuple[str, Problem]] = Counter()

    def report(self, symbol: str, problem: Problem, details: str) -> None:
        """Count a problem of a market, and log it with a sentence that says what."""
        self._counts[problem.value] += 1
        self._logged[symbol, problem] += 1
        count = self._logged[symbol, problem]
        if count <= WARNINGS_MAX or (count >= 100 and str(count).rstrip("0") == "1"):
            about = {"upstream": self._name, "symbol": symbol, "problem": problem.value, "count": count}
            _logger.warning("upstream problem", **about, details=details)
