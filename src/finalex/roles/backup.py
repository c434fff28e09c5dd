"""Backup and restore: a live cluster as the data directory of one server, and such a directory as a new cluster."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
from nats.aio.client import Client

from finalex.channels.hub import Hub
from finalex.cluster.backup import (
    CREDENTIALS_NAME,
    MANIFEST_NAME,
    VERSION,
    BackupError,
    Manifest,
    fill_log,
    read_credentials,
    read_log,
    read_manifest,
    write_credentials,
    write_private,
)
from finalex.cluster.credentials_bucket import CredentialBucket
from finalex.cluster.external import NatsEvents
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.config import Config
from finalex.log.copying import Repacker, copying
from finalex.log.disk import Disk
from finalex.log.jetstream.stream import End, LogStream
from finalex.log.lock import DirectoryLock
from finalex.log.opening import check_files
from finalex.log.port import LogTrimmedError
from finalex.log.reading import LogReader, read_batches
from finalex.log.schema import FILE_NAME, read_meta
from finalex.log.sqlite import CLOCK_BATCHES_AHEAD_MAX
from finalex.model.events import Batch
from finalex.recovery import Restored, read_tail, replay, restore_newest
from finalex.roles.engine_snapshots import EngineSnapshots
from finalex.roles.recovery import restore_stored
from finalex.snapshots.errors import SnapshotError
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from finalex.snapshots.snapshot import take_snapshot

PARTIAL_SUFFIX, OLD_SUFFIX = ".partial", ".old"
"""A backup has the first until it is whole; the one that it replaces has the second for a moment."""

FILLED_MAX = 0.4
"""So much of the new log's stream is filled with the old log, its newest part: the rest is for what comes."""

BuildHub = Callable[[], Hub]


class Restoring(NamedTuple):
    """What a data directory adds up to, and from which batch on its log goes into a stream."""

    hub: Hub
    begin: int
    end: int
    position: int


async def back_up(client: Client, config: Config, directory: Path, now_ms: int) -> Manifest:
    """Make, or bring up to date, the backup in `directory`, which then is a data directory.

    Interrupted it leaves what was there before. Raises `BackupError`, `LogError`, `RecoveryError`, `BusError`,
    `SnapshotError` and `OSError`.
    """
    before = _earlier(directory, config.cluster_name)
    partial = directory.with_name(directory.name + PARTIAL_SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    try:
        manifest = await _copied(client, config, directory if before else None, partial, now_ms)
        write_private(partial / MANIFEST_NAME, msgspec.json.format(msgspec.json.encode(manifest)))
        _swap(partial, directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


async def restore(client: Client, config: Config, directory: Path, now_ms: int) -> Manifest:
    """Put the data directory `directory` into the empty cluster of `config`; return what it then has.

    The snapshot comes first: a log that ends before it is started by nobody, so what was interrupted is of no use,
    and is not taken for whole. Raises what `back_up` raises.
    """
    lock = _locked(directory)
    try:
        build_hub = EngineSnapshots(config).job.build_hub
        restoring = _prepared(directory, build_hub, int(config.log_bytes_max * FILLED_MAX))
        hub, state_hash = restoring.hub, restoring.hub.state.state_hash()
        stream, store = LogStream(client, config.bus_names), SnapshotStore(client, config.bus_names)
        await stream.prepare(config.nats_replicas, config.log_bytes_max)
        await store.prepare(config.nats_replicas)
        if (await stream.held()).last or await store.sequences():
            raise BackupError(
                f"The cluster '{config.cluster_name}' is not empty: a backup is restored under another 'cluster_name', "
                "or once its streams have been deleted."
            )
        await store.write(take_snapshot(hub))
        if restoring.position:
            await NatsEvents(client, config.bus_names, config.nats_replicas).prepare(restoring.position + 1)
        closing_batch = Batch(sequence=restoring.end + 1, time_ms=hub.time_ms, events=())
        batches = chain(_tail(directory, restoring), (closing_batch,))
        await fill_log(stream, batches, restoring.begin, restoring.position)
        await _restore_credentials(client, config, directory, now_ms)
        found = await _found(stream, store, build_hub)
    finally:
        lock.release()
    if (found.sequence, found.state.state_hash()) != (restoring.end + 1, state_hash):
        raise BackupError("What was restored is not what the directory has: delete the cluster's streams.")
    return _manifest(config, found, restoring.position, now_ms)


# --- backup -----------------------------------------------------------------------------------------------


async def _copied(client: Client, config: Config, before: Path | None, partial: Path, now_ms: int) -> Manifest:
    """Copy everything into `partial`, from where the backup `before` ends if there is one; say what that is."""
    stream = LogStream(client, config.bus_names)
    end = await stream.end()
    if not end.sequence:
        raise BackupError(f"The cluster '{config.cluster_name}' has no log yet: there is nothing to back up.")
    after = None if before is None else await _last_common(stream, before, end)
    if before is not None and after is not None:
        shutil.copyfile(before / FILE_NAME, partial / FILE_NAME)
    else:
        after = (await stream.read((await stream.held()).first - 1))[0].previous
    await _copy_log(stream, partial, after, end, now_ms)
    await _copy_snapshot(client, config, partial, end)
    credentials = await read_credentials(CredentialBucket(client, config.bus_names, lambda: now_ms))
    if credentials is not None:
        write_private(partial / CREDENTIALS_NAME, credentials)
    hub = _replayed(partial, EngineSnapshots(config).job.build_hub).hub
    if hub.sequence != end.sequence:
        raise BackupError(f"The copy ends at batch {hub.sequence}, not at {end.sequence}.")
    return _manifest(config, hub, end.position, now_ms)


def _manifest(config: Config, hub: Hub, position: int, now_ms: int) -> Manifest:
    return Manifest(
        version=VERSION,
        cluster=config.cluster_name,
        sequence=hub.sequence,
        time_ms=hub.time_ms,
        position=position,
        state_hash=hub.state.state_hash(),
        made_ms=now_ms,
    )


def _earlier(directory: Path, cluster: str) -> Manifest | None:
    """Return what the backup is of that is brought up to date; raises `BackupError` for any other directory."""
    if not directory.exists():
        return None
    manifest = read_manifest(directory)
    if manifest is None:
        if not any(directory.iterdir()):
            return None
        raise BackupError(f"'{directory}' is not empty, and no backup: choose another directory.")
    if manifest.cluster != cluster:
        raise BackupError(f"'{directory}' is a backup of the cluster '{manifest.cluster}', not of '{cluster}'.")
    return manifest


async def _last_common(stream: LogStream, before: Path, end: End) -> int | None:
    """Return the last batch of the backup `before` if the stream still has it, and what follows it, else `None`."""
    manifest = read_manifest(before)
    sequence = 0 if manifest is None else manifest.sequence
    *_, last = chain((None,), read_batches(before / FILE_NAME, Disk(), sequence - 1))
    if last is None or last.sequence != sequence:
        raise BackupError(f"A server has used the backup '{before}': choose another directory.")
    if end.sequence < sequence:
        return None
    with suppress(LogTrimmedError):
        for stored in await stream.read(await stream.place(sequence - 1)):
            if last in stored.batches:
                return sequence
    return None


async def _copy_log(stream: LogStream, partial: Path, after: int, end: End, now_ms: int) -> None:
    packer = Repacker(after)
    with copying(partial / FILE_NAME, now_ms) as copy:
        async for batches in read_log(stream, after, end):
            for batch in batches:
                copy.add(packer.add(batch))
        copy.add(packer.flush())


async def _copy_snapshot(client: Client, config: Config, partial: Path, end: End) -> None:
    """Copy the newest good snapshot that is not newer than the copied log."""
    store, folder = SnapshotStore(client, config.bus_names), SnapshotFolder(partial / FOLDER_NAME)
    for sequence in await store.sequences():
        with suppress(SnapshotError):
            if sequence <= end.sequence:
                folder.write(await store.read(sequence))
                return


def _swap(partial: Path, directory: Path) -> None:
    """Put what is whole into its place; interrupted between two steps, the old one is still there under its name."""
    old = directory.with_name(directory.name + OLD_SUFFIX)
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    partial.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


# --- restore ----------------------------------------------------------------------------------------------


def _locked(directory: Path) -> DirectoryLock:
    if not (directory / FILE_NAME).is_file():
        raise BackupError(f"'{directory}' is no data directory: it has no log ({FILE_NAME}).")
    lock = DirectoryLock(directory)
    try:
        check_files(directory / FILE_NAME)
    except BaseException:
        lock.release()
        raise
    return lock


def _prepared(directory: Path, build_hub: BuildHub, bytes_max: int) -> Restoring:
    """Return what the directory adds up to; of its log goes what has no gap, and at most so many bytes, the newest."""
    manifest = read_manifest(directory)
    hub = _replayed(directory, build_hub).hub
    path = directory / FILE_NAME
    with closing(Disk().connect(path, writing=False)) as connection:
        clean = read_meta(connection).clean
        rows = connection.execute("SELECT previous, first, last, length(payload) FROM records ORDER BY last DESC")
        begin, used = hub.sequence, 0
        for previous, first, last, size in rows:
            used += size
            if last != begin or first != previous + 1 or used > bytes_max:
                break
            begin = previous
    end = hub.sequence
    if not clean:  # as a server would: numbers may have been given out that are not stored
        end = begin = end + CLOCK_BATCHES_AHEAD_MAX
        hub.apply(Batch(sequence=end, time_ms=hub.time_ms, events=()), ())
    if manifest is not None and manifest.sequence == hub.sequence and manifest.state_hash != hub.state.state_hash():
        raise BackupError(f"'{directory}' does not add up to the state that was backed up: it is damaged.")
    return Restoring(hub, begin, end, 0 if manifest is None else manifest.position)


def _tail(directory: Path, restoring: Restoring) -> Iterator[Batch]:
    if restoring.begin == restoring.end:
        return iter(())
    return read_batches(directory / FILE_NAME, Disk(), restoring.begin)


async def _restore_credentials(client: Client, config: Config, directory: Path, now_ms: int) -> None:
    path = directory / CREDENTIALS_NAME
    if not path.exists():
        return
    bucket = CredentialBucket(client, config.bus_names, lambda: now_ms)
    await bucket.prepare(config.nats_replicas)
    await write_credentials(bucket, path.read_bytes())


async def _found(stream: LogStream, store: SnapshotStore, build_hub: BuildHub) -> Hub:
    """Return the state as the next engine will find it."""
    hub = (await restore_stored(store, build_hub)).hub
    async for batches in read_log(stream, hub.sequence, await stream.end()):
        replay(hub, batches)
    return hub


def _replayed(directory: Path, build_hub: BuildHub) -> Restored:
    """Return the state that a data directory adds up to, as a start would find it."""
    path = directory / FILE_NAME
    with closing(LogReader(path, Disk(), None)) as reader:
        reader.check_pages()
    restored = restore_newest(SnapshotFolder(directory / FOLDER_NAME), build_hub)
    replay(restored.hub, read_tail(restored, lambda after: read_batches(path, Disk(), after)))
    return restored
