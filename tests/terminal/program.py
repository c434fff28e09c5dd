"""The program itself, as somebody at a command line starts it."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(sys.executable).with_name("finalex")
WAIT_S = 25
"""Only a failing test waits so long."""


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def environment(**variables: str) -> dict[str, str]:
    """Return an environment without credentials but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FINALEX_")}
    return kept | {"COLUMNS": "100"} | variables


async def run(*arguments: str, **variables: str) -> Result:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**variables),
    )
    async with asyncio.timeout(WAIT_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Result(process.returncode, out.decode(), err.decode())
