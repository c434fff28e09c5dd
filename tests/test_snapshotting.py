"""The process that writes snapshots beside a server."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from finalex.channels.hub import Hub
from finalex.log.sqlite import SqliteLog
from finalex.model.events import Batch
from finalex.recovery import replay
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder, Written
from finalex.snapshots.snapshot import take_snapshot
from finalex.snapshotting import COMMAND, NICENESS, SnapshotJob, write_snapshot
from snapshots.logs import INSTRUMENTS, known, written

TIMEOUT_S = 60


def random_steps(count: int) -> list[bytes]:
    random = Random(8)
    return [random.randbytes(8) for _ in range(count)]


def random_batches(count: int) -> list[Batch]:
    return known(written(random_steps(count)))


def job(directory: Path, until: int) -> bytes:
    instruments = list(INSTRUMENTS.values())
    return msgspec.json.encode(
        SnapshotJob(
            data_dir=str(directory), until=until, instruments=instruments, ticker_interval_ms=70, kline_interval_ms=90
        )
    )


class Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ask(process: "subprocess.Popen[bytes]", directory: Path, until: int) -> None:
    assert process.stdin is not None
    process.stdin.write(job(directory, until) + b"\n")
    process.stdin.flush()


def run(directory: Path, until: int = 10**12) -> Done:
    with start() as process:
        ask(process, directory, until)
        code = process.wait(TIMEOUT_S)  # its input stays open: the server lives
        assert process.stdout is not None
        assert process.stderr is not None
        return Done(code, process.stdout.read(), process.stderr.read())


def state_at(batches: list[Batch]) -> Hub:
    hub = Hub(INSTRUMENTS, 70, 90)
    replay(hub, batches)
    return hub


async def store(directory: Path, batches: list[Batch]) -> list[Batch]:
    """Write a log and return it as it is numbered there."""
    log = SqliteLog(directory, asyncio.get_running_loop().call_soon_threadsafe)
    stored: list[Batch] = []
    log.follow(stored.append)
    for batch in batches:
        log.append(batch.events, batch.time_ms)
    log.close()
    return stored


async def durable(log: SqliteLog) -> None:
    """Wait until everything appended so far is on disk."""
    done = asyncio.Event()
    log.when_durable(log.sequence, lambda _: done.set())
    await done.wait()


async def test_it_writes_what_a_replay_gives_and_what_it_wrote_before_is_enough_to_go_on(tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path / FOLDER_NAME)
    stored = await store(tmp_path, random_batches(120))
    middle, end = stored[50].sequence, stored[-1].sequence
    first = await asyncio.to_thread(run, tmp_path, middle)
    assert (first.returncode, first.stderr) == (0, b"")
    assert msgspec.json.decode(first.stdout, type=Written).kept == [middle]
    assert folder.read(middle) == take_snapshot(state_at(stored[:51]))

    second = await asyncio.to_thread(run, tmp_path)
    assert msgspec.json.decode(second.stdout, type=Written).kept == [end, middle]
    assert folder.read(end) == take_snapshot(state_at(stored))


async def test_it_reads_beside_a_server_that_writes(tmp_path: Path) -> None:
    batches = random_batches(40)
    log = SqliteLog(tmp_path, asyncio.get_running_loop().call_soon_threadsafe)
    stored = [log.append(batch.events, batch.time_ms) for batch in batches if batch.events]
    await durable(log)
    running = asyncio.create_task(asyncio.to_thread(run, tmp_path, stored[-1].sequence))
    while not running.done():
        log.append(batches[0].events, batches[-1].time_ms)
        await durable(log)
    log.close()
    assert running.result().returncode == 0
    folder = SnapshotFolder(tmp_path / FOLDER_NAME)
    assert folder.read(stored[-1].sequence) == take_snapshot(state_at(stored))


async def test_a_damaged_snapshot_is_said_and_passed_over(tmp_path: Path) -> None:
    stored = await store(tmp_path, random_batches(30))
    folder = SnapshotFolder(tmp_path / FOLDER_NAME)
    for count in (10, 20):
        write_snapshot(folder, state_at(stored[:count]))
    path = folder.path / f"{stored[19].sequence}.snapshot"
    path.write_bytes(b"finalex-snapshot 1")
    done = await asyncio.to_thread(run, tmp_path)
    assert done.returncode == 0
    assert done.stderr.decode() == f"The snapshot '{path}' cannot be used: its checksum is wrong.\n"
    assert folder.sequences() == [stored[-1].sequence, stored[9].sequence]
    assert folder.read(stored[-1].sequence) == take_snapshot(state_at(stored))


def test_without_a_log_it_says_so_and_changes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"The log '{tmp_path}/events.sqlite' cannot be used")
    assert os.listdir(tmp_path) == []


async def test_a_log_that_cannot_be_what_was_configured_is_an_error(tmp_path: Path) -> None:
    await store(tmp_path, written(random_steps(60)))
    done = await asyncio.to_thread(run, tmp_path)
    assert done.returncode == 1
    assert "a market that is not configured (DOGE/EUR)" in done.stderr.decode()
    assert not (tmp_path / FOLDER_NAME).exists()


def test_it_ends_with_its_server_whatever_it_is_doing(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER_NAME
    folder.mkdir()
    os.mkfifo(folder / "7.snapshot")  # reading it would never end
    with start() as process:
        ask(process, tmp_path, 9)
        output, errors = process.communicate(timeout=TIMEOUT_S)  # closes its input
    assert (process.returncode, output, errors) == (1, b"", b"")


def test_it_steps_back_behind_others_and_ends_when_the_server_says_so() -> None:
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until_ignored(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, niceness + NICENESS)
        process.send_signal(signal.SIGINT)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == -signal.SIGTERM


def wait_until_ignored(pid: int) -> None:
    """Return once a process ignores SIGINT."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("this system does not show what signals a process ignores")
    while True:
        ignored = next(line for line in status.read_text().splitlines() if line.startswith("SigIgn:"))
        if int(ignored.split()[1], 16) & 1 << signal.SIGINT - 1:
            return


TALKATIVE = """
import sys, structlog
from finalex.snapshots.folder import Written
from finalex.snapshotting import do_job

def advance(line):
    structlog.get_logger().warning("nats_lost")
    return Written(sequence=7, size_bytes=1, kept=[7]), []

sys.exit(do_job(advance))
"""


def test_what_is_logged_meanwhile_is_no_part_of_the_answer() -> None:
    with subprocess.Popen([sys.executable, "-c", TALKATIVE], stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin and process.stdout and process.stderr  # noqa: PT018
        process.stdin.write(b"{}\n")
        process.stdin.flush()
        output, errors = process.stdout.read(), process.stderr.read()
        assert process.wait() == 0

    assert msgspec.json.decode(output, type=Written).sequence == 7
    assert b"nats_lost" in errors
