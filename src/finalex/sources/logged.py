"""The reel of a server's log: everything as it was, accounts and orders included."""

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path

from finalex.log.disk import Disk
from finalex.log.port import LogError, LogTrimmedError
from finalex.log.reading import LogReader
from finalex.log.schema import FILE_NAME
from finalex.sources.recordings import RecordingError
from finalex.sources.reel import Scene
from finalex.sources.reports import Problem, Reports


class LoggedMarkets:
    """Plays the batches of the log in a data directory above the sequence `after`: one scene for each.

    The log is only read, and may be in use meanwhile: what is written later is played as far as it is there in time.
    Raises `RecordingError` if there is no log, or if it does not go back to `after`.
    """

    clock_step_ms = 0
    repeatable = False

    def __init__(self, directory: Path, after: int = 0) -> None:
        self.batches = 0
        self._path = directory / FILE_NAME
        self._after = after
        self._reports = Reports()
        if not self._path.is_file():
            raise RecordingError(f"{directory}: there is no log of a server in it")
        try:
            with closing(LogReader(self._path, Disk(), after)) as reader:
                self._last = reader.end
        except LogError as error:
            raise RecordingError(str(error)) from None

    @property
    def problems(self) -> Counter[Problem]:
        """See `Reel.problems`; a log ends where it is damaged, or where its server has just deleted what follows."""
        return self._reports.problems

    @property
    def share(self) -> float:
        """See `Reel.share`: by the batches that were there at first."""
        return min(1.0, self.batches / max(1, self._last - self._after))

    def play(self, after_ms: int = 0) -> Generator[Scene, None, None]:  # noqa: ARG002 (it is not played again)
        """See `Reel.play`."""
        self._reports.open(self._path, "")
        try:
            with closing(LogReader(self._path, Disk(), self._after)) as reader:
                for _, batches in reader.records():
                    for batch in batches:
                        if batch.sequence > self._after:
                            self.batches += 1
                            yield Scene(batch.time_ms, batch.time_ms, batch.events)
        except LogError as error:
            problem = Problem.GAP if isinstance(error, LogTrimmedError) else Problem.UNREADABLE
            self._reports.report(problem, str(error), self._path, self.batches, "")

    def counts(self) -> Mapping[str, int]:
        """See `Reel.counts`."""
        return {"batches": self.batches}
