"""Autobahn's cases against the echoing gateway: which there are, and how they went."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from conformance.echoing import serve_echo
from conformance.fuzzing import Result

FRAMING = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
"""Frames, pings, fragments, UTF-8, closing, large messages: run without compression."""

COMPRESSION = ("12.*", "13.*")
"""permessage-deflate: five kinds of data, and seven kinds of offers, each with eighteen sizes of messages."""

SMALL_COMPRESSION = tuple(
    f"{section}.{kind}.{size}"
    for section, kinds in ((12, 5), (13, 7))
    for kind in range(1, kinds + 1)
    for size in (1, 3, 5, 11)
)
"""Of those, 1000 messages each of 16, 256 and 4096 bytes, and of 8192 bytes in frames of 256: they take seconds."""

_TESTS = Path(__file__).parent.parent


DRIVES_MAX = 3


async def run_cases(cases: Sequence[str], *, compression: bool = False) -> list[Result]:
    """Run the cases with these ids, which may have a `*`, in order."""
    async with serve_echo(compression=compression) as port:
        output = await _drive(port, cases)
    return msgspec.json.decode(output, type=list[Result])


def in_order(results: Iterable[Result]) -> list[Result]:
    """Return the results by the numbers of their cases."""
    return sorted(results, key=lambda result: [int(part) for part in result.case.split(".")])


async def _drive(port: int, cases: Sequence[str]) -> bytes:
    """Return what the driver writes; one that kills itself, as it does now and then, is started again."""
    for _ in range(DRIVES_MAX):
        driver = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "conformance.fuzzing", f"ws://127.0.0.1:{port}", *cases),
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await driver.communicate()
        if driver.returncode != -signal.SIGABRT:
            break
    if driver.returncode:
        raise RuntimeError(f"the driver of the cases ended with {driver.returncode}")
    return output
