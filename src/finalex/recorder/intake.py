"""The intake: every message goes to the file, and what it says about the connection is noted."""

from collections.abc import Callable
from dataclasses import dataclass

from finalex.recorder.continuity import Continuity, Gap
from finalex.recorder.file import RecordingFile
from finalex.recorder.received import Received, decode_received, encode_mark

REPORTS_MAX = 100
"""So many problems are told one by one; all are counted."""


@dataclass
class Counts:
    """What was recorded, and what went wrong; `bytes` are those of the messages."""

    messages: int = 0
    bytes: int = 0
    gaps: int = 0
    disconnects: int = 0
    problems: int = 0


class Intake:
    """Writes messages and marks into `file`, and tells `report` sentences about what is wrong.

    Of the connection that is open: `serves` tells that it has brought something that was asked for, `last_error` is
    the last error that the server told, `delay_ms` how long it wants to be left alone. `failure` is why the file
    cannot be written; from then on nothing is.
    """

    def __init__(self, file: RecordingFile, report: Callable[[str], None], now_ns: Callable[[], int]) -> None:
        self.counts = Counts()
        self.serves = False
        self.last_error = ""
        self.delay_ms = 0
        self.failure: OSError | None = None
        self._file = file
        self._report = report
        self._now_ns = now_ns
        self._continuity = Continuity()

    def begin(self) -> None:
        """Note that another connection begins."""
        self.serves, self.last_error, self.delay_ms = False, "", 0
        self._continuity.reconnect()

    def take(self, text: bytes) -> tuple[Received, Gap | None] | None:
        """Write a message, and return what is read of it and what is missing before it; raises nothing."""
        now_ns = self._now_ns()
        self._write(now_ns, text)
        self.counts.messages += 1
        self.counts.bytes += len(text)
        try:
            message = decode_received(text)
        except ValueError as error:
            self.tell(f"A message is not understood: {error}.")
            return None
        self._note(message)
        gap = self._continuity.take(message)
        if gap is not None:
            self.counts.gaps += 1
            self.tell(f"Something is missing: {gap.channel} {gap.symbol}: {gap.details}.")
        return message, gap

    def mark(self, status: str, **data: object) -> None:
        """Write down what the recorder itself has to say; raises nothing."""
        now_ns = self._now_ns()
        self._write(now_ns, encode_mark(status, now_ns // 1_000_000, **data))

    def flush(self) -> None:
        """Write what was gathered; raises nothing."""
        self._attempt(self._file.flush)

    def tell(self, sentence: str) -> None:
        """Tell a problem, unless there were too many."""
        self.counts.problems += 1
        if self.counts.problems <= REPORTS_MAX:
            self._report(sentence)
        elif self.counts.problems == REPORTS_MAX + 1:
            self._report("More problems are only counted.")

    def _note(self, message: Received) -> None:
        if message.type == "error":
            self.last_error = message.error
        elif message.type == "connection_status":
            self.delay_ms = message.data.reconnect_after_ms
        elif message.channel or message.type == "subscribed":
            self.serves = True

    def _write(self, now_ns: int, text: bytes) -> None:
        self._attempt(lambda: self._file.write(now_ns, text))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.failure is not None:
            return
        try:
            action()
        except OSError as error:
            self.failure = error
