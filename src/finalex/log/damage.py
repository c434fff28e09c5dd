"""Damage: how what is wrong with a file becomes a sentence for the operator."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finalex.log.port import LogDamagedError, LogError


class Damage(Exception):  # noqa: N818 (it becomes a `LogDamagedError` where the file is known)
    """Something is not as it was written: part of a sentence, and the first batch that cannot be read, if known."""

    def __init__(self, reason: str, sequence: int | None = None) -> None:
        super().__init__(reason)
        self.sequence = sequence


@contextmanager
def explained(path: Path, sequence: int | None = None) -> Iterator[None]:
    """Turn `Damage` and `sqlite3.Error` within into a `LogError` about `path`; `sequence` is the batch looked for."""
    try:
        yield
    except Damage as damage:
        raise _damaged(path, damage, sequence if damage.sequence is None else damage.sequence) from None
    except sqlite3.Error as error:
        if _is_damage(error):
            raise _damaged(path, error, sequence) from None
        raise LogError(f"The log '{path}' cannot be used: {error}.") from None
    except LogError:
        raise
    except OSError as error:
        raise LogError(f"The log '{path}' cannot be used: {error.strerror or error}.") from None


def _damaged(path: Path, reason: Exception, sequence: int | None) -> LogDamagedError:
    place = "" if sequence is None else f" at batch {sequence}"
    return LogDamagedError(f"The log '{path}' is damaged{place}: {reason}.", sequence)


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is not as it was written, rather than that it cannot be reached."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
