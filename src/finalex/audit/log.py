"""The audit log of a server: entries are made at once and written by a thread, which nobody waits for."""

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from finalex.audit.entries import encode_entry
from finalex.audit.throttle import Throttle

WAITING_MAX = 10_000
"""Entries that may wait for the disk; more are lost, and counted."""

BATCH_MAX = 500
FAILURE_SAID_APART_MS = 60_000
"""That entries are lost is logged once in this time."""

STOP_S = 5.0
"""How long the end of a server waits for the disk."""

THROTTLED = frozenset({"login", "login_refused"})
"""What clients can make happen as often as they like."""

_log = structlog.get_logger("finalex.audit")


class AuditLog(Protocol):
    """Where it is recorded who did what. Other parts of a server need no more of it."""

    def record(self, event: str, **fields: object) -> None:
        """Note that `event` happened, with what is known of it; never raises and never waits.

        A field is a number, a text or a list of them; `address` is that of the client. API keys are named by their
        id (`key`), tokens by their `jti`: anything that looks like a credential is masked.
        """
        ...


class NoAuditLog:
    """Records nothing."""

    def record(self, event: str, **fields: object) -> None:
        """See `AuditLog.record`."""


class Sink(Protocol):
    """Where lines go, in the end: an `AuditFile`."""

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep lines; raises `OSError`."""
        ...


class WrittenAuditLog:
    """An audit log that ends up in `sink`. Belongs to one thread; another writes, from `start` to `close`.

    A disk that is full or a directory that is gone loses entries and nothing else: `lost` counts them.
    """

    def __init__(self, sink: Sink, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._now_ms = now_ms
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING_MAX)
        self._throttles: defaultdict[str, Throttle] = defaultdict(Throttle)
        self._overflowed = 0
        self._unwritten = 0
        self._said_ms: int | None = None
        self._writer = threading.Thread(target=self._write_all, name="finalex-audit", daemon=True)

    @property
    def lost(self) -> int:
        """How many entries could not be written."""
        return self._overflowed + self._unwritten

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what waits, and no more; a disk that does not answer is not waited for longer than `STOP_S`."""
        for event, throttle in self._throttles.items():
            self._tell_left_out(event, throttle.left_out)
        try:
            self._waiting.put(None, timeout=STOP_S)
        except queue.Full:
            return
        self._writer.join(STOP_S)

    def record(self, event: str, **fields: object) -> None:
        """See `AuditLog.record`."""
        now_ms = self._now_ms()
        if event in THROTTLED:
            made, left_out = self._throttles[event].take(str(fields.get("address", "")), now_ms)
            self._tell_left_out(event, left_out)
            if not made:
                return
        self._put(encode_entry(event, now_ms, fields))

    def _tell_left_out(self, event: str, count: int) -> None:
        if count:
            self._put(encode_entry("entries_left_out", self._now_ms(), {"of": event, "count": count}))

    def _put(self, line: bytes) -> None:
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._overflowed += 1

    def _write_all(self) -> None:
        ended = False
        while not ended:
            lines = [self._waiting.get()]
            while len(lines) < BATCH_MAX and not self._waiting.empty():
                lines.append(self._waiting.get_nowait())
            ended = None in lines
            self._write([line for line in lines if line is not None])

    def _write(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        try:
            self._sink.add(lines)
        except Exception as error:
            self._unwritten += len(lines)
            self._say(error)

    def _say(self, error: Exception) -> None:
        now_ms = self._now_ms()
        if self._said_ms is None or now_ms - self._said_ms >= FAILURE_SAID_APART_MS:
            self._said_ms = now_ms
            reason = getattr(error, "strerror", None) or type(error).__name__
            _log.error("audit_log_failed", reason=reason, lost=self.lost)
