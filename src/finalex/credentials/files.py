"""Files that only their owner can read, and that are there completely or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def create_private(path: Path, fill: Callable[[Path], object]) -> bool:
    """Make `path` (mode 0600, its directory 0700) with what `fill` writes, unless it exists.

    `fill` gets an empty private file beside it, which becomes `path` in one step: of several processes that
    do this at the same time exactly one succeeds and gets `True`. Raises `OSError`.
    """
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        fill(Path(name))
        os.fsync(descriptor)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
        os.unlink(name)
    return True
