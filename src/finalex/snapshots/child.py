"""Snapshots that a process beside this one writes, which is told what in one line and answers when it has."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog

from finalex.snapshots.folder import Written

_log = structlog.get_logger("finalex.snapshots")


async def write_in_child(command: Sequence[str], job: bytes) -> Written | None:
    """Run `command`, give it the line `job`, and return what it has written.

    `None` if it failed, which is logged, and is no reason to do anything else. Should this be cancelled, the process
    is gone before it ends, also if it was about to start.
    """
    starting = asyncio.create_task(asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE))
    try:
        process = await asyncio.shield(starting)
        output, errors = await _converse(process, job)
    except asyncio.CancelledError:
        await _whole(asyncio.create_task(_kill(starting)))
        raise
    except OSError as error:
        _log.warning("snapshot_problem", reason=f"its process cannot be started: {error}")
        return None
    if errors:
        _log.warning("snapshot_problem", reason=errors.decode(errors="replace").strip())
    return _understood(output) if process.returncode == 0 else None


async def _converse(process: Process, line: bytes) -> tuple[bytes, bytes]:
    """Send a line, wait for the end of `process`, and return its output and errors.

    Its standard input stays open until then: that tells it that this process lives.
    """
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ValueError("a pipe is missing")
    process.stdin.write(line)
    output, errors, _ = await asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait())
    return output, errors


def _understood(output: bytes) -> Written | None:
    try:
        written = msgspec.json.decode(output, type=Written)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("snapshot_problem", reason=f"the answer cannot be understood: {error}")
        return None
    _log.info("snapshot_written", sequence=written.sequence, size_bytes=written.size_bytes)
    return written


async def _kill(starting: asyncio.Task[Process]) -> None:
    with suppress(OSError):  # it could not be started
        process = await starting
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _whole(task: asyncio.Task[None]) -> None:
    """Wait for `task` to its end, whoever cancels this meanwhile: its caller is being cancelled already."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
