"""The file of a snapshot: every damage shows, and the format stays what it is."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.channels.hub import Hub
from finalex.recovery import replay
from finalex.snapshots.encoding import check_content, decode_snapshot, encode_snapshot
from finalex.snapshots.errors import SnapshotDamagedError, SnapshotVersionError
from finalex.snapshots.snapshot import Snapshot, take_snapshot
from snapshots.logs import INSTRUMENTS, Writer


def small() -> Snapshot:
    hub = Hub(INSTRUMENTS)
    replay(hub, Writer().batches)
    return take_snapshot(hub)


SMALL = small()
CONTENT = encode_snapshot(SMALL)


def sealed(body: bytes) -> bytes:
    """Return a file whose checksum is right."""
    return body + sha256(body).digest()


def test_what_is_decoded_is_what_was_encoded() -> None:
    assert decode_snapshot(CONTENT) == SMALL
    assert encode_snapshot(decode_snapshot(CONTENT)) == CONTENT


def test_the_first_line_says_what_it_is() -> None:
    assert CONTENT.startswith(b"finalex-snapshot 1 9\n")


@given(st.integers(0, len(CONTENT) * 8 - 1))
@settings(deadline=None, max_examples=300)
def test_every_flipped_bit_is_damage(bit: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SnapshotDamagedError):
        decode_snapshot(bytes(damaged))


@given(st.integers(0, len(CONTENT) - 1))
@settings(deadline=None)
def test_every_missing_end_is_damage(length: int) -> None:
    with pytest.raises(SnapshotDamagedError):
        decode_snapshot(CONTENT[:length])


@pytest.mark.parametrize("more", [b"\0", CONTENT])
def test_more_than_was_written_is_damage(more: bytes) -> None:
    with pytest.raises(SnapshotDamagedError, match="checksum"):
        decode_snapshot(CONTENT + more)


def test_a_later_format_is_told_apart_from_damage() -> None:
    later = sealed(b"finalex-snapshot 2 9 and more\nsomething else")
    with pytest.raises(SnapshotVersionError, match="of format 2, and this release knows 1 only"):
        decode_snapshot(later)


@pytest.mark.parametrize("body", [b"", b"SQLite format 3\0", b"finalex-snapshot", b"finalex-snapshots 1 9\nx"])
def test_a_file_of_another_kind_is_damage(body: bytes) -> None:
    with pytest.raises(SnapshotDamagedError):
        check_content(sealed(body))


@pytest.mark.parametrize("body", [b"", b"not compressed", CONTENT.partition(b"\n")[2][:-40]])
def test_what_cannot_be_understood_is_damage(body: bytes) -> None:
    with pytest.raises(SnapshotDamagedError, match="cannot be understood"):
        decode_snapshot(sealed(b"finalex-snapshot 1 9\n" + body))
