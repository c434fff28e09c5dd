"""The write-ahead log of SQLite, looked at before SQLite does.

SQLite ends the recovery of a write-ahead log at the first frame that does not fit, as if nothing had ever followed:
right for a transaction that a power cut tore, but a single damaged bit makes it forget every transaction
after it in silence. Here the two are told apart. Every transaction is synced before the next one is begun
(`synchronous=FULL`), and each frame's checksum continues the one before. So a frame that continues a commit was
written after that commit was on disk; if such a frame stands behind one that does not fit, that one was on disk
too, and is damaged. Otherwise what does not fit is the last transaction alone.

Source of the format: "The Write-Ahead Log" in SQLite's documentation of its database file format.
"""

from array import array
from pathlib import Path
from sys import byteorder
from typing import NamedTuple

from finalex.log.damage import Damage

PAGE_BYTES = 4096
"""The page size of the databases that `finalex.log` makes."""

_HEADER_BYTES = 32
_FRAME_HEAD_BYTES = 24
_FRAME_BYTES = _FRAME_HEAD_BYTES + PAGE_BYTES
_CHECKED_OF_HEADER = 24
_CHECKED_OF_FRAME_HEAD = 8
_COMMIT_BITS = 32
_FORMAT = 3_007_000
_MAGIC = {0x377F0682: "little", 0x377F0683: "big"}
"""The byte order in which checksums are computed; everything is stored in big-endian order."""

Checksum = tuple[int, int]


class WalTail(NamedTuple):
    """How a write-ahead log ends: `frames` that count, then `torn_bytes` of a transaction that was never finished."""

    frames: int
    torn_bytes: int


def inspect_wal(path: Path) -> WalTail:
    """Return how the write-ahead log at `path` ends; raises `Damage` if it is damaged before that."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return WalTail(0, 0)
    return _Wal(data).tail() if data else WalTail(0, 0)


class _Wal:
    """The bytes of a write-ahead log, as frames."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = max(0, len(data) - _HEADER_BYTES) // _FRAME_BYTES
        self._salts = data[16:24]
        self._order = _MAGIC.get(int.from_bytes(data[:4], "big"), "")

    def tail(self) -> WalTail:
        if not self._header_fits():
            self._refuse_lost_header()
            return WalTail(0, len(self._data))
        frames, committed, checksum = 0, 0, self._stored(8)
        while frames < self._count and self._fits(frames, checksum):
            checksum = self._stored(self._start(frames))
            frames += 1
            if self._is_commit(frames - 1):
                committed = frames
        self._refuse_lost_commits(frames, checksum)
        return WalTail(committed, self._torn_bytes(committed, frames, checksum))

    def _torn_bytes(self, committed: int, misfit: int, before: Checksum) -> int:
        """Return the size of what was begun after the last commit; frames of an earlier round do not count."""
        begun = [index for index in range(committed, self._count) if self._is_current(index)]
        if misfit < self._count and misfit not in begun and self._continues(misfit, before):
            begun.append(misfit)  # it is of this round, whatever its salts say
        complete = len(begun) == self._count - committed
        return len(begun) * _FRAME_BYTES + (len(self._data) - self._start(self._count) if complete else 0)

    def _header_fits(self) -> bool:
        fields = [int.from_bytes(self._data[at : at + 4], "big") for at in (4, 8)]
        whole = len(self._data) >= _HEADER_BYTES and bool(self._order) and fields == [_FORMAT, PAGE_BYTES]
        return whole and self._header_checksum(self._order) == self._stored(8)

    def _refuse_lost_header(self) -> None:
        """A header is on disk before the first frame is written: a frame that continues it proves it damaged."""
        if not self._count:
            return
        for order in _MAGIC.values():
            self._order = order
            if any(self._continues(0, seed) for seed in (self._stored(8), self._header_checksum(order))):
                raise Damage("the head of its write-ahead log is damaged, and transactions follow it")

    def _refuse_lost_commits(self, misfit: int, before: Checksum) -> None:
        """Refuse if a commit at or behind `misfit`, the first frame that does not fit, is continued by a frame."""
        for index in range(misfit, self._count - 1):
            if not self._is_current(index + 1):
                continue
            seeds = [self._stored(self._start(index))] if self._is_commit(index) else []
            if index == misfit:
                seeds += self._misfit_seeds(index, before)
            if any(self._continues(index + 1, seed) for seed in seeds):
                place = f"frame {misfit + 1} of its write-ahead log"
                raise Damage(f"{place} is damaged, and transactions that were completed follow it")

    def _misfit_seeds(self, index: int, before: Checksum) -> list[Checksum]:
        """Return how a damaged commit's checksum may have been: the damage may be in it, or in the commit mark."""
        seeds = [self._checksum(self._checked(index), before)] if self._is_commit(index) else []
        head, page = self._checked(index)[:_CHECKED_OF_FRAME_HEAD], self._checked(index)[_CHECKED_OF_FRAME_HEAD:]
        stored = self._stored(self._start(index))
        for bit in range(0 if self._is_commit(index) else _COMMIT_BITS):
            marked = (int.from_bytes(head, "big") | 1 << bit).to_bytes(_CHECKED_OF_FRAME_HEAD, "big")
            if self._checksum(marked + page, before) == stored:
                seeds.append(stored)
        return seeds

    def _fits(self, index: int, seed: Checksum) -> bool:
        return self._is_current(index) and self._continues(index, seed)

    def _continues(self, index: int, seed: Checksum) -> bool:
        return self._checksum(self._checked(index), seed) == self._stored(self._start(index))

    def _is_current(self, index: int) -> bool:
        start = self._start(index)
        return self._data[start + 8 : start + 16] == self._salts

    def _is_commit(self, index: int) -> bool:
        start = self._start(index)
        return any(self._data[start + 4 : start + 8])

    def _start(self, index: int) -> int:
        return _HEADER_BYTES + index * _FRAME_BYTES

    def _checked(self, index: int) -> bytes:
        start = self._start(index)
        page = self._data[start + _FRAME_HEAD_BYTES : start + _FRAME_BYTES]
        return self._data[start : start + _CHECKED_OF_FRAME_HEAD] + page

    def _stored(self, start: int) -> Checksum:
        """Return the checksum stored 16 bytes after `start`: so in a frame, and with 8 in the header."""
        first, second = self._data[start + 16 : start + 20], self._data[start + 20 : start + 24]
        return int.from_bytes(first, "big"), int.from_bytes(second, "big")

    def _header_checksum(self, order: str) -> Checksum:
        self._order = order
        return self._checksum(self._data[:_CHECKED_OF_HEADER], (0, 0))

    def _checksum(self, data: bytes, seed: Checksum) -> Checksum:
        words = array("I", data)
        if self._order != byteorder:
            words.byteswap()
        first, second = seed
        for at in range(0, len(words), 2):
            first = (first + words[at] + second) & 0xFFFFFFFF
            second = (second + words[at + 1] + first) & 0xFFFFFFFF
        return first, second
