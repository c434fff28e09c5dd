"""A cluster's log and credentials as files, and back: what backup and restore are made of."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import msgspec

from finalex.cluster.credentials_bucket import CredentialBucket, CredentialsAwayError, CredentialsError
from finalex.cluster.credentials_entries import Content, EntryError, decode_entry, encode_content
from finalex.log.copying import Repacker
from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.jetstream.limits import MESSAGE_BYTES_MAX
from finalex.log.jetstream.stream import End, LogStream, StreamAwayError
from finalex.log.port import LogError
from finalex.log.records import Record
from finalex.model.events import Batch

MANIFEST_NAME = "backup.json"
CREDENTIALS_NAME = "credentials.json"
VERSION = 1

WRITER = "restore"
"""Who writes what is restored; no engine is called so: they have a random end."""

TRIES_MAX = 20
"""So often a piece is asked for that a server does not have yet, or a message is tried to be stored."""


PAUSE_S = 0.25
"""The pause before it is tried again."""


class BackupError(Exception):
    """It cannot be backed up or restored so; the text is a sentence for the operator."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of: the cluster's name, the last batch and its time, and the hash of the state then.

    `position` is how far the messages of an external engine were taken in.
    """

    version: int
    cluster: str
    sequence: int
    time_ms: int
    position: int
    state_hash: str
    made_ms: int


def read_manifest(directory: Path) -> Manifest | None:
    """Return what the backup in `directory` is of, `None` if there is none; raises `BackupError`."""
    path = directory / MANIFEST_NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise BackupError(f"'{path}' cannot be read: {error}.") from None
    if manifest.version != VERSION:
        raise BackupError(f"'{path}' has version {manifest.version}; this release reads version {VERSION}.")
    return manifest


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, durably."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


async def read_log(stream: LogStream, after: int, end: End) -> AsyncIterator[list[Batch]]:
    """Iterate the batches above `after` up to `end`, piece by piece; raises `LogError` and its kinds."""
    place, tries = await stream.place(after), 0
    while place < end.stream_sequence:
        pieces = await stream.read(place)
        if not pieces:
            tries += 1
            if tries > TRIES_MAX:
                raise StreamAwayError("JetStream does not answer: no server has the end of the log.")
            await asyncio.sleep(PAUSE_S)
            continue
        tries = 0
        kept = [stored for stored in pieces if stored.stream_sequence <= end.stream_sequence]
        place = kept[-1].stream_sequence
        yield [batch for stored in kept for batch in stored.batches if batch.sequence > after]


async def fill_log(stream: LogStream, batches: Iterable[Batch], previous: int, position: int) -> int:
    """Append `batches`, which have no gap, to an empty stream, after the batch `previous`; return the last message.

    Raises `LogError`: then the stream is of no use.
    """
    packer, stored = Repacker(previous), 0
    for batch in batches:
        record = packer.add(batch)
        if record is not None:
            stored = await _append(stream, record, stored, position)
    record = packer.flush()
    return stored if record is None else await _append(stream, record, stored, position, leaving=True)


async def read_credentials(bucket: CredentialBucket) -> bytes | None:
    """Return everything in the bucket, `None` if there is no bucket; raises `CredentialsAwayError`."""
    try:
        await bucket.place()
    except CredentialsAwayError:
        raise
    except CredentialsError:
        return None
    entries = (await bucket.read(0)).entries
    contents = {entry.name: entry.content for entry in entries if entry.content is not None}
    return msgspec.json.encode({name: msgspec.Raw(encode_content(content)) for name, content in contents.items()})


async def write_credentials(bucket: CredentialBucket, content: bytes) -> int:
    """Put what `read_credentials` returned into an empty bucket; return how many entries that are.

    Raises `BackupError` for what cannot be understood.
    """
    try:
        raw = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        entries = [decode_entry(name, 0, bytes(value)) for name, value in raw.items()]
    except (msgspec.MsgspecError, EntryError) as error:
        raise BackupError(f"'{CREDENTIALS_NAME}' cannot be understood: {error}.") from None
    for entry in entries:
        await bucket.change(entry.name, partial(_unless_there, entry.content))
    return len(entries)


def _unless_there(content: Content | None, found: Content | None) -> Content | None:
    return content if found is None else None


async def _append(stream: LogStream, record: Record, expected: int, position: int, *, leaving: bool = False) -> int:
    content = encode(Envelope(WRITER, leaving, position, record))
    if len(content) > MESSAGE_BYTES_MAX:
        raise LogError(f"Batch {record.last} needs a message of {len(content)} bytes, {MESSAGE_BYTES_MAX} is the most.")
    for attempt in range(TRIES_MAX):
        try:
            await stream.append(content, expected)
        except StreamAwayError:
            if attempt == TRIES_MAX - 1:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            break
    return expected + 1
