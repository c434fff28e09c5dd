"""The command line's look at an exchange of many processes: `finalex cluster status`."""

import asyncio
import os
from datetime import timedelta
from functools import partial
from typing import Annotated

import msgspec
from cyclopts import Parameter
from nats.aio.client import Client

from finalex.bus.names import Names
from finalex.cli_bus import bus_of, with_client
from finalex.cli_keys import ConfigFile
from finalex.cluster.status import NodeStatus, ask_nodes
from finalex.cluster.status_report import ClusterStatus, freshest_lag_ms, report
from finalex.cluster.status_storage import Storage, StreamStatus, read_storage
from finalex.config import SETTINGS, load_config
from finalex.settings.flags import with_flags
from finalex.settings.origins import SettingError
from finalex.tables import text_table

BUS = [
    setting
    for name, setting in SETTINGS.items()
    if name in ("data_dir", "nats", "cluster_name") or (name.startswith("nats_") and name != "nats_replicas")
]
"""The settings that say where the exchange is."""

_NODES_HEAD = ("ROLE", "NODE", "STATE", "SEQUENCE", "BEHIND", "CONNECTIONS", "UP", "HOST", "PROCESS", "VERSION")
_LOG_HEAD = ("SERVER OF THE LOG", "STATE", "BEHIND")
_MEGABYTE = 1_000_000


@with_flags(BUS)
def cluster_status(
    *,
    json: Annotated[bool, Parameter(help="Print all of it as JSON.", negative=(), show_default=False)] = False,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Say how all nodes of a cluster are, and its log; exit code 1 if something is wrong."""
    bus = bus_of(load_config(flags, os.environ, config or None))
    if bus is None:
        raise SettingError(
            "Setting 'nats' must say where a NATS server of the exchange is, such as nats://10.0.0.1:4222; "
            "no 'finalex serve --workers' runs on the data directory."
        )
    found = with_client(bus, partial(read_status, bus.names))
    print(msgspec.json.format(msgspec.json.encode(found)).decode() if json else _page(found))
    return 1 if found.problems else 0


async def read_status(names: Names, client: Client) -> ClusterStatus:
    """Ask everybody and everything."""
    nodes, storage = await asyncio.gather(ask_nodes(client, names), read_storage(client, names))
    return report(nodes, storage)


def _page(found: ClusterStatus) -> str:
    parts = []
    if found.nodes:
        parts.append(text_table(_NODES_HEAD, [_node_row(node, freshest_lag_ms(found.nodes)) for node in found.nodes]))
    if found.storage.log is not None:
        parts.append(text_table(_LOG_HEAD, _replica_rows(found.storage.log)))
    parts.append("\n".join(f"{name:<12} {value}" for name, value in _storage_lines(found.storage)))
    parts.append("\n".join(found.problems or ["Everything is as it should be."]))
    return "\n\n".join(parts)


def _node_row(node: NodeStatus, freshest_ms: int) -> tuple[str, ...]:
    up = str(timedelta(seconds=node.uptime_ms // 1000))
    connections = str(node.connections) if node.role == "gateway" else ""
    behind = f"{node.lag_ms - freshest_ms} ms"
    where = (node.host, str(node.process), node.version)
    return node.role, node.name, node.state, str(node.sequence), behind, connections, up, *where


def _replica_rows(log: StreamStatus) -> list[tuple[str, ...]]:
    return [
        (
            replica.server,
            "leads" if replica.leader else "away" if replica.offline else "current" if replica.current else "behind",
            f"{replica.lag} messages",
        )
        for replica in log.replicas
    ]


def _storage_lines(storage: Storage) -> list[tuple[str, str]]:
    lines = []
    log = storage.log
    if log is not None:
        room = f" of {log.bytes_max / _MEGABYTE:,.0f}" if log.bytes_max else ""
        size = f"{log.messages} messages, {log.first} to {log.last}, {log.bytes / _MEGABYTE:,.1f}{room} MB"
        lines.append(("log", size))
    if "the snapshots" not in storage.silent:
        lines.append(("snapshot", "none" if storage.snapshot is None else f"sequence {storage.snapshot}"))
    if storage.dead_letters is not None:
        lines.append(("set aside", f"{storage.dead_letters} events of another engine"))
    lines.extend(("no answer", part) for part in storage.silent)
    return lines
