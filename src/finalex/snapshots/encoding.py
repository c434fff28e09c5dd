"""The format of a snapshot file.

A line of text (`finalex-snapshot`, the version of the format, the sequence), then the `Snapshot` as compressed JSON,
then the SHA-256 of all of it. JSON, because its integers have no size: the value of a day's trades, price × quantity
in the instrument's smallest units, is often more than the 64 bits that msgpack has.

Compatible changes keep the version: a new field with a default, at the end where a struct is encoded as an array.
"""

import zlib
from hashlib import sha256
from typing import TypeVar

import msgspec

from finalex.snapshots.errors import SnapshotDamagedError, SnapshotVersionError
from finalex.snapshots.snapshot import Snapshot

T = TypeVar("T")

FORMAT_VERSION = 1
COMPRESSION_LEVEL = 1
"""Zlib's fastest: it makes a snapshot about a third as large; better ones cost much and gain little."""

_MAGIC = b"finalex-snapshot"
_DIGEST_BYTES = sha256().digest_size


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the content of the file."""
    head = b"%s %d %d\n" % (_MAGIC, FORMAT_VERSION, snapshot.sequence)
    content = head + zlib.compress(msgspec.json.encode(snapshot), COMPRESSION_LEVEL)
    return content + sha256(content).digest()


def check_content(content: bytes) -> memoryview:
    """Return the compressed part of a file's content.

    Raises `SnapshotDamagedError` if a single bit of it is not as it was written, `SnapshotVersionError` for a version
    that is not this one.
    """
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    head, _, _ = body.partition(b"\n")
    words = head.split(b" ")
    if sha256(body).digest() != digest or words[0] != _MAGIC or len(words) < 2:
        raise SnapshotDamagedError("its checksum is wrong")
    if words[1] != b"%d" % FORMAT_VERSION:
        version = words[1].decode(errors="replace")
        raise SnapshotVersionError(f"it is of format {version}, and this release knows {FORMAT_VERSION} only")
    return memoryview(body)[len(head) + 1 :]


def decode_snapshot(content: bytes) -> Snapshot:
    """Return what `encode_snapshot` was given; raises what `check_content` raises."""
    return decode_part(content, Snapshot)


def decode_part(content: bytes, kind: type[T]) -> T:
    """Return what of a snapshot a `kind` of struct with fewer fields has; raises what `check_content` raises."""
    compressed = check_content(content)
    try:
        return msgspec.json.decode(zlib.decompress(compressed), type=kind)
    except (zlib.error, msgspec.MsgspecError, ValueError) as error:
        raise SnapshotDamagedError(f"it cannot be understood: {error}") from error
