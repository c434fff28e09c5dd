"""The reel of recorded markets."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from finalex.model.instruments import Instruments
from finalex.sources.feed import Feeds
from finalex.sources.pace import PAUSE_MS_MAX
from finalex.sources.recordings import Recording
from finalex.sources.reel import Scene
from finalex.sources.reports import Problem, Reports
from finalex.sources.tracks import PAUSE_MS, Cue, Opened, play

ALLOWED_LATENESS_MS = 1_000
"""The log's clock is so far behind the recorded exchange's, so that late messages of a minute come before it closes.

Measured as the exchange's clock so far minus a trade's time: at most 214 ms for Binance spot, 43 ms for its USD-M
futures. After a silence as long as this the clock catches up.
"""

CLOCK_STEP_MS = 100
"""When nothing happens, the log still learns at least so often that time has passed."""


class RecordedMarkets:
    """Plays recordings line by line: one scene for each, on the recorded exchange's own clock.

    At the end the clock catches up with the last line. `lines` counts them.
    """

    clock_step_ms = CLOCK_STEP_MS
    repeatable = True

    def __init__(self, recordings: Sequence[Recording], instruments: Instruments) -> None:
        self.lines = 0
        self.feeds = Feeds(recordings, instruments, self._report)
        self._recordings = tuple(recordings)
        self._sizes = {each.path: _size_bytes(each.path) for each in recordings}
        self._read: dict[Path, int] = {}
        self._reports = Reports()
        self._cue: Cue  # the line being played

    @property
    def problems(self) -> Counter[Problem]:
        """See `Reel.problems`."""
        return self._reports.problems

    @property
    def share(self) -> float:
        """See `Reel.share`: by the bytes of the files."""
        return sum(self._read.values()) / max(1, sum(self._sizes.values()))

    def play(self, after_ms: int = 0) -> Generator[Scene, None, None]:
        """See `Reel.play`."""
        over_ms = clock_ms = due_ms = 0
        self._read.clear()
        with closing(play(self._recordings, after_ms, self._read.__setitem__)) as cues:
            for cue in cues:
                opened = isinstance(cue.content, Opened)
                if clock_ms and not opened and cue.due_ms - due_ms >= ALLOWED_LATENESS_MS:
                    over_ms = clock_ms
                    yield Scene(due_ms + ALLOWED_LATENESS_MS, over_ms)
                clock_ms, due_ms = cue.clock_ms, cue.due_ms
                over_ms = max(over_ms, clock_ms - ALLOWED_LATENESS_MS)
                self._note(cue)
                yield Scene(due_ms, over_ms, self.feeds.take(cue, over_ms), PAUSE_MS if opened else PAUSE_MS_MAX)
        yield Scene(due_ms, clock_ms)

    def counts(self) -> Mapping[str, int]:
        """See `Reel.counts`."""
        return {"lines": self.lines}

    def _note(self, cue: Cue) -> None:
        self._cue = cue
        if isinstance(cue.content, Opened):
            self._reports.open(cue.recording.path, ", ".join(cue.recording.symbols))
        else:
            self.lines += 1

    def _report(self, symbols: str, problem: Problem, details: str) -> None:
        self._reports.report(problem, details, self._cue.recording.path, self._cue.number, symbols)


def _size_bytes(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
