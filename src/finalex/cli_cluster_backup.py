"""The command line's copies of an exchange of many processes: `finalex cluster backup` and `restore`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from nats.aio.client import Client

from finalex.bus.connection import BusError, connect
from finalex.cli_bus import bus_of
from finalex.cli_keys import ConfigFile
from finalex.clock import now_ms
from finalex.cluster.backup import BackupError, Manifest
from finalex.cluster.credentials_bucket import CredentialsError
from finalex.config import SETTINGS, Config, load_config
from finalex.credentials.secret import Secret
from finalex.log.port import LogError
from finalex.recovery import RecoveryError
from finalex.roles.backup import back_up, restore
from finalex.settings.flags import with_flags
from finalex.settings.origins import SettingError
from finalex.snapshots.errors import SnapshotError
from finalex.sources.external_port import InputAwayError

_FAILURES = (BackupError, BusError, CredentialsError, InputAwayError, LogError, RecoveryError, SnapshotError, OSError)

Job = Callable[[Client, Config, Path, int], Awaitable[Manifest]]


@with_flags(SETTINGS.values())
def cluster_backup(directory: Path, /, *, config: ConfigFile = "", **flags: str | bool) -> int:
    """Copy a running cluster into a data directory, or bring the copy there up to date.

    The directory can be restored into another cluster, examined with `finalex log`, played with `finalex serve
    --source replay:DIR`, and served by a single process. It has the log, the newest snapshot, and the hashes of API
    keys and what was revoked; it has neither the secret that tokens are signed with nor the pepper of the keys.

    Parameters
    ----------
    directory
        The data directory to make, or an earlier backup.
    """
    return _run(back_up, "backed up", directory, _reached(load_config(flags, os.environ, config or None)))


@with_flags(SETTINGS.values())
def cluster_restore(directory: Path, /, *, config: ConfigFile = "", **flags: str | bool) -> int:
    """Put a backup, or the data directory of a single server that is stopped, into an empty cluster.

    Start no engine before it is done. What is restored is read back, and must add up to the same state.

    Parameters
    ----------
    directory
        The backup or data directory.
    """
    return _run(restore, "restored", directory, load_config(flags, os.environ, config or None))


def _reached(config: Config) -> Config:
    """Return `config` with the NATS of the exchange that runs on its data directory, if it names none itself."""
    bus = bus_of(config)
    if bus is None or not bus.local:
        return config
    password = None if bus.address.password is None else Secret(bus.address.password)
    return replace(
        config,
        nats=bus.address.servers,
        nats_user=bus.address.user,
        nats_password=password,
        cluster_name=bus.names.cluster,
    )


def _run(job: Job, what: str, directory: Path, config: Config) -> int:
    if not config.nats:
        raise SettingError(
            "Setting 'nats' must say where a NATS server of the cluster is, such as nats://10.0.0.1:4222; "
            "no 'finalex serve --workers' runs on the data directory."
        )
    try:
        manifest = asyncio.run(_do(job, directory.absolute(), config))
    except _FAILURES as error:
        print(f"finalex: {error}", file=sys.stderr)
        return 1
    print(f"{what}: {directory}, cluster {config.cluster_name}")
    print(f"  last batch  {manifest.sequence}")
    print(f"  state hash  {manifest.state_hash}")
    return 0


async def _do(job: Job, directory: Path, config: Config) -> Manifest:
    client = await connect(config.bus_address, "finalex cluster backup")
    try:
        return await job(client, config, directory, now_ms())
    finally:
        await client.close()
