"""How long a cluster took to recover from faults, as a table."""

import statistics
from collections import defaultdict
from typing import NamedTuple


class Recovery(NamedTuple):
    """Seconds until some client, and until each, had an order accepted that it had sent after the fault."""

    first_s: float
    each_s: float


class RecoveryTimes:
    """The times of all faults so far."""

    def __init__(self) -> None:
        self._times: defaultdict[str, list[Recovery]] = defaultdict(list)

    def note(self, fault: str, recovery: Recovery) -> None:
        """Take in one time."""
        self._times[fault].append(recovery)

    def table(self) -> str:
        """Return the table in Markdown."""
        rows = [
            "| fault | times | first order, median | worst | every client, median | worst |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for fault, times in self._times.items():
            columns = [[recovery.first_s for recovery in times], [recovery.each_s for recovery in times]]
            shown = [f"{value:.2f} s" for column in columns for value in (statistics.median(column), max(column))]
            rows.append(f"| {fault} | {len(times)} | {' | '.join(shown)} |")
        return "\n".join(rows)
