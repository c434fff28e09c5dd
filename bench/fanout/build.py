"""Compiling the benchmark's programs in C into `.bench/`, which git ignores."""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
FOLDER = Path(__file__).parents[2] / ".bench"
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
COMPILERS = ("cc", "gcc", "clang")

PROGRAMS = {
    "load": ("load.c", "connection.c", "check.c", "plan.c"),
    "floor": ("floor.c",),
    "nosend.so": ("nosend.c",),
}
"""What is built of which sources."""


class BuildError(Exception):
    """A program cannot be compiled; the text is a sentence."""


def compiler() -> str | None:
    """Return the path of a C compiler, or `None`."""
    return next((path for path in map(shutil.which, COMPILERS) if path), None)


def build(name: str, folder: Path = FOLDER) -> Path:
    """Return the path of the program `name`, compiled anew if a source is newer; raises `BuildError`."""
    target = folder / name
    sources = [SOURCES / source for source in PROGRAMS[name]]
    newest = max(path.stat().st_mtime for path in (*sources, *SOURCES.glob("*.h")))
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    found = compiler()
    if found is None:
        raise BuildError("There is no C compiler: apt-get install gcc libc6-dev.")
    folder.mkdir(parents=True, exist_ok=True)
    shared = ("-shared", "-fPIC") if name.endswith(".so") else ()
    command = [found, *FLAGS, *shared, *map(str, sources), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"{name} cannot be compiled:\n{result.stderr}")
    return target
