"""The snapshots of a cluster: objects in NATS, each named after its sequence, the last two generations kept."""

import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ObjectInfo, ObjectMeta, ObjectMetaOptions, StorageType
from nats.js.errors import BadObjectMetaError, NotFoundError
from nats.js.object_store import ObjectStore

from finalex.bus.connection import BusError
from finalex.bus.names import Names
from finalex.snapshots.encoding import decode_snapshot, encode_snapshot
from finalex.snapshots.errors import SnapshotDamagedError, SnapshotError
from finalex.snapshots.folder import GENERATIONS, Written
from finalex.snapshots.snapshot import Snapshot

CHUNK_BYTES = 256 << 10
"""A snapshot is stored in messages of this size; NATS takes 1 MiB."""

ORPHAN_AGE = timedelta(minutes=10)
"""Parts of a snapshot that was never finished are deleted at this age: until then somebody may still be writing it."""

_REQUEST_TIMEOUT_S = 5


class SnapshotStore:
    """The object store of one cluster's snapshots; `prepare` makes it.

    Several may write at the same time: each snapshot is a function of the log alone. Every method raises `BusError`
    if NATS cannot be asked.
    """

    def __init__(self, client: Client, names: Names) -> None:
        self._jetstream = client.jetstream(timeout=_REQUEST_TIMEOUT_S)
        self._bucket = names.snapshots
        self._stream = f"OBJ_{names.snapshots}"
        self._objects = ObjectStore(self._bucket, self._stream, self._jetstream)

    async def prepare(self, replicas: int) -> None:
        """Make the store, with so many replicas, or change how many the one there has."""
        with self._asking():
            try:
                config = (await self._jetstream.stream_info(self._stream)).config
            except NotFoundError:
                await self._jetstream.create_object_store(
                    self._bucket, storage=StorageType.FILE, replicas=replicas, description="Snapshots of the log"
                )
                return
            if config.num_replicas != replicas:
                await self._jetstream.update_stream(config, num_replicas=replicas)

    async def sequences(self) -> list[int]:
        """Return the sequences of all snapshots, newest first, good or not; none if there is no store."""
        with self._asking():
            names = [base64.urlsafe_b64decode(part).decode(errors="replace") for part in await self._parts("M")]
        found = (re.fullmatch(r"0|[1-9]\d*", name, re.ASCII) for name in names)
        return sorted((int(match[0]) for match in found if match), reverse=True)

    async def read(self, sequence: int) -> Snapshot:
        """Return the snapshot at `sequence`; raises `SnapshotDamagedError` and `SnapshotVersionError`."""
        async with self._naming(sequence):
            snapshot = decode_snapshot(await self._read(sequence))
            if snapshot.sequence != sequence:
                raise SnapshotDamagedError(f"it is of batch {snapshot.sequence}")
        return snapshot

    async def read_content(self, sequence: int) -> bytes:
        """Return the snapshot as `encode_snapshot` made it, unread; raises `SnapshotDamagedError`."""
        async with self._naming(sequence):
            return await self._read(sequence)

    async def write(self, snapshot: Snapshot) -> Written:
        """Store a snapshot and forget all but the newest good `GENERATIONS`; nobody sees it before it is complete."""
        content = encode_snapshot(snapshot)
        await self.write_content(snapshot.sequence, content)
        return Written(sequence=snapshot.sequence, size_bytes=len(content), kept=await self._prune())

    async def write_content(self, sequence: int, content: bytes) -> None:
        """Store what `encode_snapshot` made of the snapshot at `sequence`, and forget nothing."""
        meta = ObjectMeta(name=str(sequence), options=ObjectMetaOptions(max_chunk_size=CHUNK_BYTES))
        with self._asking():
            await self._objects.put(str(sequence), content, meta)

    async def _read(self, sequence: int) -> bytes:
        with self._asking():
            try:
                info = await self._objects.get_info(str(sequence))
                chunks = [chunk async for chunk in self._chunks(info)]
            except NotFoundError:
                raise SnapshotDamagedError("it is not there, or not all of it") from None
            except BadObjectMetaError:
                raise SnapshotDamagedError("its description cannot be understood") from None
        content = b"".join(chunks)
        if info.digest != f"SHA-256={base64.urlsafe_b64encode(sha256(content).digest()).decode()}":
            raise SnapshotDamagedError("its checksum is wrong")
        return content

    async def _chunks(self, info: ObjectInfo) -> AsyncIterator[bytes]:
        """Iterate the messages of an object, one request each: a consumer of nats-py may skip some silently."""
        after = 0
        for _ in range(info.chunks or 0):
            message = await self._jetstream.get_msg(
                self._stream, seq=after + 1, subject=self._subject("C", info.nuid), next=True
            )
            after = message.seq or 0
            yield message.data or b""

    async def _prune(self) -> list[int]:
        """Delete all but the newest good generations, and what was never finished; return what is left."""
        kept: list[int] = []
        for sequence in await self.sequences():
            if len(kept) < GENERATIONS and await self._is_good(sequence):
                kept.append(sequence)
            else:
                await self._delete(sequence)
        await self._delete_orphans(kept)
        return kept

    async def _is_good(self, sequence: int) -> bool:
        try:
            await self.read(sequence)
        except SnapshotError:
            return False
        return True

    async def _delete(self, sequence: int) -> None:
        """Delete the name first: what has no name is not read, and an orphan if the rest fails."""
        name = base64.urlsafe_b64encode(str(sequence).encode()).decode()
        with self._asking():
            try:
                info = await self._objects.get_info(str(sequence), show_deleted=True)
            except (NotFoundError, BadObjectMetaError):
                info = None
            await self._jetstream.purge_stream(self._stream, subject=self._subject("M", name))
            if info is not None:
                await self._jetstream.purge_stream(self._stream, subject=self._subject("C", info.nuid))

    async def _delete_orphans(self, kept: list[int]) -> None:
        with self._asking(), suppress(NotFoundError):  # somebody else deletes them
            infos = [await self._objects.get_info(str(sequence)) for sequence in kept]
            for part in set(await self._parts("C")) - {info.nuid for info in infos}:
                subject = self._subject("C", part)
                last = await self._jetstream.get_msg(self._stream, subject=subject)
                if last.time is not None and datetime.now(UTC) - last.time > ORPHAN_AGE:
                    await self._jetstream.purge_stream(self._stream, subject=subject)

    async def _parts(self, kind: str) -> list[str]:
        """Return the last part of every subject in use: of names (`M`) or of contents (`C`)."""
        try:
            info = await self._jetstream.stream_info(self._stream, subjects_filter=self._subject(kind, ">"))
        except NotFoundError:
            return []
        return [subject.rpartition(".")[2] for subject in info.state.subjects or {}]

    def _subject(self, kind: str, part: str) -> str:
        return f"$O.{self._bucket}.{kind}.{part}"

    @asynccontextmanager
    async def _naming(self, sequence: int) -> AsyncIterator[None]:
        try:
            yield
        except SnapshotError as error:
            raise type(error)(
                f"The snapshot at batch {sequence} in '{self._bucket}' cannot be used: {error}."
            ) from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except NatsError as error:
            reason = str(error).strip() or type(error).__name__
            raise BusError(f"The snapshots in '{self._bucket}' cannot be reached: {reason}.") from error
