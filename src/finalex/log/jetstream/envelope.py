"""Envelopes: what one message of the stream holds, a record of consecutive batches and who wrote it.

Layout, big-endian: the magic, version, flags, length of the writer's name, position, the record's last, first and
previous sequence, its time, its checksum; a checksum (CRC-32) over all that and the name; the name; the payload.
"""

import struct
import zlib
from typing import NamedTuple

from finalex.log.damage import Damage
from finalex.log.port import LogDamagedError, LogError
from finalex.log.records import Record, unpack
from finalex.model.events import Batch

VERSION = 1
WRITER_LENGTH_MAX = 64
"""So many ASCII characters has the name of a writer at most."""

_MAGIC = b"FNXL"
_LEAVING = 1
_begin = struct.Struct(">4sB")
_head = struct.Struct(">4sBBBQQQQQI")
_crc = struct.Struct(">I")


class Envelope(NamedTuple):
    """A message: the record, who wrote it, whether it was that writer's last, and how far external input is consumed.

    `position` is 0 where nothing external is consumed.
    """

    writer: str
    leaving: bool
    position: int
    record: Record


class Stored(NamedTuple):
    """A message as it is in the stream, at `stream_sequence`, with its batches, at least one."""

    stream_sequence: int
    writer: str
    leaving: bool
    position: int
    batches: list[Batch]

    @property
    def previous(self) -> int:
        """The sequence of the batch before the first here."""
        return self.batches[0].sequence - 1

    @property
    def sequence(self) -> int:
        """The sequence of the last batch."""
        return self.batches[-1].sequence

    @property
    def time_ms(self) -> int:
        """The time of the last batch."""
        return self.batches[-1].time_ms


def encode(envelope: Envelope) -> bytes:
    """Return the bytes of a message; raises `ValueError` for a writer's name that is too long or not ASCII."""
    name = envelope.writer.encode("ascii")
    if not 0 < len(name) <= WRITER_LENGTH_MAX:
        raise ValueError(f"a writer's name has 1 to {WRITER_LENGTH_MAX} characters, not {len(name)}")
    record, flags = envelope.record, _LEAVING if envelope.leaving else 0
    places = (record.last, record.first, record.previous, record.time_ms, record.crc)
    head = _head.pack(_MAGIC, VERSION, flags, len(name), envelope.position, *places)
    return b"".join((head, _crc.pack(zlib.crc32(name, zlib.crc32(head))), name, record.payload))


def parse(data: bytes, stream_sequence: int) -> Envelope:
    """Return the envelope in the message at `stream_sequence`, its payload not looked at yet.

    Raises `LogDamagedError` if it is not as it was written, `LogError` if a newer release wrote it.
    """
    try:
        return _parse(data, stream_sequence)
    except Damage as damage:
        raise damaged(stream_sequence, str(damage)) from None


def decode(data: bytes, stream_sequence: int) -> Stored:
    """Return the message at `stream_sequence` with its batches; raises what `parse` raises."""
    try:
        envelope = _parse(data, stream_sequence)
        batches = unpack(envelope.record)
    except Damage as damage:
        raise damaged(stream_sequence, str(damage)) from None
    return Stored(stream_sequence, envelope.writer, envelope.leaving, envelope.position, batches)


def damaged(stream_sequence: int, reason: str) -> LogDamagedError:
    """Return the error that says what is wrong with the message at `stream_sequence`."""
    return LogDamagedError(f"The log on JetStream is damaged at message {stream_sequence}: {reason}.")


def _parse(data: bytes, stream_sequence: int) -> Envelope:
    if len(data) < _begin.size or not data.startswith(_MAGIC):
        raise Damage("this is no message of a log")
    version = _begin.unpack_from(data)[1]
    if version > VERSION:
        raise LogError(
            f"Message {stream_sequence} of the log on JetStream was written by a newer release (version {version}, "
            f"this one reads up to {VERSION}): upgrade this process."
        )
    if len(data) < _head.size + _crc.size:
        raise Damage("it is cut off")
    _, _, flags, length, position, last, first, previous, time_ms, crc = _head.unpack_from(data)
    start = _head.size + _crc.size
    name, payload = data[start : start + length], data[start + length :]
    if _crc.unpack_from(data, _head.size)[0] != zlib.crc32(name, zlib.crc32(data[: _head.size])):
        raise Damage("a checksum is wrong")
    if first != previous + 1 or version < 1:
        raise Damage("its sequences do not fit together")
    record = Record(last, first, previous, time_ms, crc, payload)
    return Envelope(name.decode("ascii"), bool(flags & _LEAVING), position, record)
