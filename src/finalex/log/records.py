"""Records: consecutive batches as one row of the database, written together and checked together.

A record's payload is compressed msgpack: for each batch the milliseconds since the batch before and its events. The
checksum (CRC-32) covers the payload, the sequences of its batches, the sequence that came before, and the time.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from finalex.log.damage import Damage
from finalex.model.events import AnyEvent, Batch

COMPRESSION_LEVEL = 1
"""Zlib's fastest: it makes events of a busy market three to four times smaller."""

_ARRAY_HEAD = b"\xdd"
"""MessagePack's array with a length of four bytes, which lets encoded batches be joined as they are."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[int, tuple[AnyEvent, ...]]])
_checked = struct.Struct(">QQQQ")


class Entry(NamedTuple):
    """A batch on its way to the disk; `encoded` is what `encode_batch` made of it."""

    sequence: int
    time_ms: int
    encoded: bytes


class Record(NamedTuple):
    """A row: the batches from `first` to `last`; `previous` is the last sequence before, `time_ms` the first's time.

    `first` is `previous` + 1, or more where sequences were skipped on purpose.
    """

    last: int
    first: int
    previous: int
    time_ms: int
    crc: int
    payload: bytes


def encode_batch(elapsed_ms: int, events: Sequence[AnyEvent]) -> bytes:
    """Return a batch as a record holds it; raises `OverflowError` or `ValueError` for what cannot be stored."""
    return _encoder.encode((elapsed_ms, events))


def pack(entries: Sequence[Entry], previous: int) -> Record:
    """Return the record of consecutive `entries`, at least one, that follows the batch `previous`."""
    first, last = entries[0], entries[-1]
    joined = b"".join([_ARRAY_HEAD, len(entries).to_bytes(4, "big"), *(entry.encoded for entry in entries)])
    payload = zlib.compress(joined, COMPRESSION_LEVEL)
    crc = _crc(last.sequence, first.sequence, previous, first.time_ms, payload)
    return Record(last.sequence, first.sequence, previous, first.time_ms, crc, payload)


def unpack(record: Record) -> list[Batch]:
    """Return the batches of a record, at least one; raises `Damage` if anything in it is not as it was packed."""
    try:
        intact = record.crc == _crc(record.last, record.first, record.previous, record.time_ms, record.payload)
    except (struct.error, TypeError):
        intact = False
    if not intact:
        raise Damage("a checksum is wrong")
    try:
        stored = _decoder.decode(zlib.decompress(record.payload))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Damage(f"what is stored cannot be understood: {error}") from None
    if not stored or len(stored) != record.last - record.first + 1 or record.first <= record.previous:
        raise Damage("its sequences do not fit together")
    batches = []
    time_ms = record.time_ms - stored[0][0]
    for number, (elapsed_ms, events) in enumerate(stored, record.first):
        time_ms += elapsed_ms
        batches.append(Batch(sequence=number, time_ms=time_ms, events=events))
    return batches


def _crc(last: int, first: int, previous: int, time_ms: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_checked.pack(last, first, previous, time_ms)))
