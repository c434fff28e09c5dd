"""Programs of a benchmark that are spoken to line by line, each pinned to a core."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

SERVER_CORE, CLIENT_CORE = "0", "1"


class Program:
    """A program that runs; it answers each line with one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def say(self, line: str = "") -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)

    def hear(self) -> Any:
        """Return its next line, which is JSON."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args!r} has ended")
        return json.loads(line)

    def ask(self, line: str = "") -> Any:
        """Send it a line and return its answer."""
        self.say(line)
        return self.hear()


@contextlib.contextmanager
def running(module: str, *arguments: str, core: str, niceness: int = 0) -> Iterator[Program]:
    """Run a module as a program, behind others on its core if it is nice; it is to end when its standard input does."""
    command = ["nice", "-n", str(niceness), "taskset", "-c", core, sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
