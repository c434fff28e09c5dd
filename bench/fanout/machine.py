"""The machine that figures come from, in words."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path


def describe_machine() -> dict[str, str]:
    """Return what figures depend on: processor, cores, memory, kernel and Python, by these names."""
    return {
        "processor": _first(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _first(file: Path, name: str) -> str:
    """Return the first value of a name in a file of lines `name: value`, "" if there is none."""
    return next(_values(file, name), "")


def _values(file: Path, name: str) -> Iterator[str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name)
