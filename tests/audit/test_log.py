"""The audit log of a server: nobody waits for it, and a disk that fails costs entries and nothing else."""

import errno
import json
import os
import threading
from collections.abc import Sequence
from typing import Any

from structlog.testing import capture_logs

from finalex.audit import log as audit_log
from finalex.audit.log import NoAuditLog, WrittenAuditLog
from finalex.audit.throttle import PER_ADDRESS_MAX


class Sink:
    """Keeps entries in memory; it takes its time while `closed`, and fails with `error`."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()
        self.failed = threading.Event()

    def add(self, lines: Sequence[bytes]) -> None:
        """See `Sink.add`."""
        self.reached.set()
        self.open.wait()
        if self.error is not None:
            self.failed.set()
            raise self.error
        self.entries += [json.loads(line) for line in lines]


def started(sink: Sink, now_ms: int = 1_000) -> WrittenAuditLog:
    log = WrittenAuditLog(sink, lambda: now_ms)
    log.start()
    return log


def test_entries_are_written_in_order_by_the_end() -> None:
    sink = Sink()
    log = started(sink)
    for number in range(1200):
        log.record("api_key_created", number=number)
    log.close()

    assert [entry["number"] for entry in sink.entries] == list(range(1200))
    assert log.lost == 0


def test_nobody_waits_for_a_disk_that_does_not_answer() -> None:
    sink = Sink()
    sink.open.clear()
    log = started(sink)
    log.record("halted")
    sink.reached.wait()
    for _ in range(audit_log.WAITING_MAX + 7):
        log.record("halted")
    assert log.lost == 7

    sink.open.set()
    log.close()
    assert len(sink.entries) == audit_log.WAITING_MAX + 1


def test_a_disk_that_is_full_costs_entries_and_is_said_once() -> None:
    sink = Sink()
    sink.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with capture_logs() as logged:
        log = started(sink)
        for _ in range(3):
            sink.reached.clear()
            log.record("halted")
            sink.reached.wait()
        log.close()

    assert log.lost == 3
    (entry,) = logged
    assert (entry["event"], entry["reason"]) == ("audit_log_failed", "No space left on device")


def test_it_goes_on_when_the_disk_does() -> None:
    sink = Sink()
    sink.error = RuntimeError("a bug")
    with capture_logs():
        log = started(sink)
        log.record("halted", number=1)
        sink.failed.wait()
    sink.error = None
    log.record("halted", number=2)
    log.close()

    assert [entry["number"] for entry in sink.entries] == [2]


def test_what_clients_can_cause_is_bounded_and_counted() -> None:
    sink = Sink()
    log = started(sink)
    for _ in range(PER_ADDRESS_MAX + 5):
        log.record("login_refused", address="192.0.2.1")
    for _ in range(PER_ADDRESS_MAX + 5):
        log.record("api_key_created")
    log.close()

    events = [entry["event"] for entry in sink.entries]
    assert events.count("login_refused") == PER_ADDRESS_MAX
    assert events.count("api_key_created") == PER_ADDRESS_MAX + 5
    assert sink.entries[-1] | {"time": ""} == {
        "time": "",
        "event": "entries_left_out",
        "of": "login_refused",
        "count": 5,
    }


def test_there_may_be_no_audit_log_at_all() -> None:
    log = NoAuditLog()
    log.record("login", user="alice")

    assert not vars(log)
