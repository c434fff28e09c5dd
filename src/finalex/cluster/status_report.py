"""What is wrong with an exchange of many processes, as sentences for its operator."""

from collections.abc import Iterator

import msgspec

from finalex.cluster.status import NodeStatus
from finalex.cluster.status_storage import Storage, StreamStatus

LAG_MS_MAX = 2000
"""A node whose view is so much older than that of the freshest is behind; the log's clock goes on every 50 ms."""

FULL_PERCENT = 90
"""A log that is so full will soon take nothing any more."""


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an exchange: its nodes, what NATS keeps of it, and what is wrong, if anything is."""

    nodes: list[NodeStatus]
    storage: Storage
    problems: list[str]


def freshest_lag_ms(nodes: list[NodeStatus]) -> int:
    """Return how old the freshest view is; a recording brings its own clock, so that all may be years old."""
    return min((node.lag_ms for node in nodes), default=0)


def report(nodes: list[NodeStatus], storage: Storage) -> ClusterStatus:
    """Return everything together, with what is wrong."""
    problems = [*_of_engines(nodes), *_of_nodes(nodes), *_of_storage(storage)]
    return ClusterStatus(nodes=nodes, storage=storage, problems=problems)


def _of_engines(nodes: list[NodeStatus]) -> Iterator[str]:
    leading = [node.name for node in nodes if node.state == "leading"]
    if not nodes:
        yield "No node answers."
    elif not leading:
        yield "No engine leads: no order is taken."
    elif len(leading) > 1:
        yield f"{' and '.join(leading)} say that they lead; the log takes events of one of them only."
    if nodes and all(node.role != "gateway" for node in nodes):
        yield "No gateway answers: nobody is served."


def _of_nodes(nodes: list[NodeStatus]) -> Iterator[str]:
    names = [node.name for node in nodes]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"More than one node is called {name}: each needs a name of its own (node_name)."
    freshest_ms = freshest_lag_ms(nodes)
    for node in nodes:
        if node.problem is not None:
            yield f"{node.role.capitalize()} {node.name}: {node.problem}"
        if node.lag_ms - freshest_ms > LAG_MS_MAX:
            yield f"{node.role.capitalize()} {node.name} is {(node.lag_ms - freshest_ms) / 1000:.1f} s behind."


def _of_storage(storage: Storage) -> Iterator[str]:
    for part in storage.silent:
        yield f"There is no answer from {part}."
    if storage.log is not None:
        yield from _of_log(storage.log)
    elif not storage.silent:
        yield "There is no log yet: no engine has ever run here."


def _of_log(log: StreamStatus) -> Iterator[str]:
    if not any(replica.leader for replica in log.replicas):
        yield "The log's stream has no leader: most of its servers are away."
    if len(log.replicas) < log.replicas_configured:
        yield f"The log has {len(log.replicas)} of {log.replicas_configured} replicas."
    for replica in log.replicas:
        if replica.offline:
            yield f"NATS server {replica.server}, which has a replica of the log, is away."
        elif not replica.current:
            yield f"NATS server {replica.server} is behind with the log, by {replica.lag} messages."
    if log.bytes_max and log.bytes * 100 >= log.bytes_max * FULL_PERCENT:
        yield f"The log is {log.bytes * 100 // log.bytes_max} % full; when it is full it takes no orders."
