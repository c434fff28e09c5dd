"""The recorder as a program: until a signal or the end of its time, with a terminal in front of it."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import uvloop

from finalex.clock import now_ns
from finalex.protocol.streams import Stream
from finalex.recorder.address import Address
from finalex.recorder.file import RecordingFile
from finalex.recorder.intake import Intake
from finalex.recorder.progress import Progress, size_text, summary
from finalex.recorder.recorder import Recorder, RecorderError, RecordingStartError
from finalex.stopping import stop_signal

PROGRESS_INTERVAL_S = 1.0


def run(address: Address, streams: Sequence[Stream], path: Path, seconds: float | None) -> int:
    """Record `streams` of the server at `address` to a new file, for so long or until a signal, and return 0.

    Raises `OSError` with a sentence for whatever made it impossible to begin, or to go on.
    """
    return uvloop.run(_run(address, streams, path, seconds))


async def _run(address: Address, streams: Sequence[Stream], path: Path, seconds: float | None) -> int:
    progress = Progress(sys.stderr, seconds)
    file = _create(path)
    intake = Intake(file, progress.say, now_ns)
    recorder = Recorder(address, streams, intake)
    recording = asyncio.create_task(recorder.run())
    try:
        await _watch(recording, seconds, lambda elapsed_s: progress.show(intake.counts, file.size_bytes, elapsed_s))
        file.close()
    except RecordingStartError:
        file.discard()
        raise
    except RecorderError:
        raise
    except OSError as error:
        kept = f"What was recorded before, {size_text(file.size_bytes)}, is in it"
        raise OSError(f"Cannot write to '{path}': {error.strerror or error}. {kept}.") from None
    finally:
        with suppress(OSError):
            file.close()
        progress.end()
    print(f"Recorded {summary(intake.counts)} of {address.shown} to '{path}' ({size_text(file.size_bytes)}).")
    return 0


def _create(path: Path) -> RecordingFile:
    try:
        return RecordingFile(path)
    except FileExistsError:
        raise OSError(f"'{path}' is there already: recordings are never overwritten.") from None
    except OSError as error:
        raise OSError(f"Cannot create '{path}': {error.strerror or error}.") from None


async def _watch(recording: asyncio.Task[None], seconds: float | None, show: Callable[[float], None]) -> None:
    """Let `recording` go on until a signal or the end of its time stops it; raises what it raises."""
    stopping = stop_signal()
    start_s = shown_s = time.monotonic()
    while not (recording.done() or stopping.done()):
        left_s = PROGRESS_INTERVAL_S if seconds is None else min(PROGRESS_INTERVAL_S, start_s + seconds - shown_s)
        if left_s <= 0:
            break
        await asyncio.wait({recording, stopping}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        show(time.monotonic() - shown_s)
        shown_s = time.monotonic()
    recording.cancel()
    with suppress(asyncio.CancelledError):
        await recording
