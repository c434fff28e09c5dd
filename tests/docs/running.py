"""What the documents tell people to run, run as they would: in a folder, with our programs on the path."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from clients_js.package import NODE
from docs.pages import ROOT, Block, Section
from support.server import Server

RUN_S = 60.0
"""How long one block may take; only a failing test waits so long."""

LINE_BYTES_MAX = 1 << 20

ADDRESS = "localhost:8081"
"""Where the documents say that the server is."""


NUMBER = r"(?:(?<!\S)-)?\d+(?:\.\d+)?"
"""A number; a minus belongs to it at the start of a word."""


def pattern(line: str) -> str:
    """Return what a line of shown output looks like.

    Every number may be another, space between words may be as wide as it likes, and `…` is anything.
    """
    return r"\s+".join(_word_pattern(word) for word in line.split())


def _word_pattern(word: str) -> str:
    parts = re.split(rf"({NUMBER}|…)", word)
    return "".join(
        r".*" if part == "…" else NUMBER if re.fullmatch(NUMBER, part) else re.escape(part) for part in parts
    )


async def run_until(command: Sequence[str], folder: Path, environment: dict[str, str], shown: str) -> None:
    """Run a command until its output has all lines of `shown`, in order, others between them.

    One that goes on is then stopped; one that ends by itself must end well. Without `shown` it must end by itself.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=-1, stderr=-1, start_new_session=True, limit=LINE_BYTES_MAX
    )
    assert process.stdout is not None
    assert process.stderr is not None
    expected = [line for line in shown.splitlines() if line.strip()]
    seen: list[str] = []
    errors = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(RUN_S):
            endless = await _read(process.stdout, list(expected), seen) and bool(expected)
            if not endless:
                code = await process.wait()
    except TimeoutError:
        raise AssertionError(_report(command, expected, seen, "")) from None
    finally:
        _end(process)
        await process.wait()
        said = (await errors).decode()
    if not endless:
        assert code == 0, _report(command, expected, seen, said)
        assert not _missing(expected, seen), _report(command, expected, seen, said)


async def _read(output: asyncio.StreamReader, expected: list[str], seen: list[str]) -> bool:
    """Read lines until all that were expected have come; return whether they have."""
    while line := (await output.readline()).decode():
        seen.append(line)
        if expected and re.fullmatch(pattern(expected[0]), line.strip()):
            del expected[0]
            if not expected:
                return True
    return False


def _missing(expected: list[str], seen: list[str]) -> list[str]:
    left = list(expected)
    for line in seen:
        if left and re.fullmatch(pattern(left[0]), line.strip()):
            del left[0]
    return left


def _report(command: Sequence[str], expected: list[str], seen: list[str], errors: str) -> str:
    missing = "\n".join(_missing(expected, seen))
    return f"{' '.join(command)}\n--- missing:\n{missing}\n--- output:\n{''.join(seen[-50:])}\n--- errors:\n{errors}"


def _end(process: asyncio.subprocess.Process) -> None:
    """Stop whatever of it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Folder:
    """A folder of somebody who follows a page, before a server that runs."""

    def __init__(self, path: Path, server: Server, package: Path | None = None) -> None:
        self._path = path
        self._server = server
        (path / "examples").symlink_to(ROOT / "examples")
        if package is not None:
            (path / "node_modules" / "@finalex").mkdir(parents=True)
            (path / "node_modules" / "@finalex" / "client").symlink_to(package)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FINALEX_")}
        first = (str(Path(sys.executable).parent), str(NODE.parent))
        self._environment = kept | {
            "PATH": os.pathsep.join([*first, os.environ.get("PATH", "")]),
            "FINALEX_DATA_DIR": str(server.data_dir),
            "PYTHONUNBUFFERED": "1",
        }

    async def follow(self, section: Section) -> None:
        """Save what should be saved, and run what should be run, as the section says."""
        pending: list[Block] = []
        program = ""
        for block, after in zip(section.blocks, (*section.blocks[1:], Block("", "")), strict=True):
            text = self._here(block.text)
            if block.file_name:
                (self._path / block.file_name).write_text(text, encoding="utf-8")
            elif block.language == "python":
                program += text
                pending += [after] if after.language == "text" else []
            elif block.language == "sh":
                await self._run(["bash", "-euo", "pipefail", "-c", text], [after] if after.language == "text" else [])
        if program:
            (self._path / "cells.py").write_text(program, encoding="utf-8")
            await self._run([sys.executable, "cells.py"], pending)

    async def _run(self, command: list[str], shown: list[Block]) -> None:
        await run_until(command, self._path, self._environment, "".join(block.text for block in shown))

    def _here(self, text: str) -> str:
        return text.replace(ADDRESS, f"127.0.0.1:{self._server.port}")
