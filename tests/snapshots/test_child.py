"""A process that is to write a snapshot: what it answers, how it fails, and that none is left behind."""

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from finalex.snapshots.child import write_in_child
from finalex.snapshots.folder import Written

ANSWER = '{"sequence": 7, "size_bytes": 12, "kept": [7, 3]}'
WAITS = "import sys; sys.stdin.read()"
YIELDS_MAX = 30
"""After so many turns of the loop the process runs."""


def program(code: str, mark: str = "") -> tuple[str, ...]:
    return (sys.executable, "-c", code, mark)


def running(mark: str) -> list[Path]:
    """Return the processes that have `mark` among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if mark.encode() in arguments.split(b"\0"):
            found.append(process)
    return found


async def test_the_answer_is_what_was_written() -> None:
    written = await write_in_child(program(f"print({ANSWER!r} if input() == 'the job' else 0)"), b"the job\n")

    assert written == Written(sequence=7, size_bytes=12, kept=[7, 3])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (program("import sys; input(); sys.exit('no room')"), "no room"),
        (program("input(); print('something else')"), "the answer cannot be understood"),
        (("/nowhere/python",), "its process cannot be started"),
    ],
)
async def test_a_failure_is_said_and_no_more(command: tuple[str, ...], said: str) -> None:
    with capture_logs() as logs:
        assert await write_in_child(command, b"\n") is None

    assert [said in entry["reason"] for entry in logs if entry["event"] == "snapshot_problem"] == [True]


@pytest.mark.parametrize("turns", range(YIELDS_MAX))
async def test_whenever_it_is_cancelled_no_process_is_left(turns: int) -> None:
    mark = uuid4().hex
    writing = asyncio.create_task(write_in_child(program(WAITS, mark), b"\n"))
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.sleep(0)
    writing.cancel()  # who cancels may be impatient
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert running(mark) == []


async def test_one_that_runs_is_ended() -> None:
    mark = uuid4().hex
    writing = asyncio.create_task(write_in_child(program(WAITS, mark), b"\n"))
    async with asyncio.timeout(60):
        while not running(mark):  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert running(mark) == []
