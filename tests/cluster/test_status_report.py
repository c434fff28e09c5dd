"""What is said to be wrong with a cluster."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from cluster.answering import ENGINE, GATEWAY, NODES, STANDBY
from finalex.cluster.status import NodeStatus
from finalex.cluster.status_report import report
from finalex.cluster.status_storage import ReplicaStatus, Storage, StreamStatus

LOG = StreamStatus(
    replicas_configured=2,
    replicas=[
        ReplicaStatus(server="n0", leader=True, current=True, offline=False, lag=0),
        ReplicaStatus(server="n1", leader=False, current=True, offline=False, lag=0),
    ],
    messages=5,
    bytes=100,
    bytes_max=1000,
    first=1,
    last=5,
)


def problems(nodes: Sequence[NodeStatus] = NODES, storage: Storage = Storage(log=LOG)) -> list[str]:  # noqa: B008
    return report([*nodes], storage).problems


def test_a_sound_cluster_has_no_problem() -> None:
    assert problems() == []


def test_a_recorded_market_of_long_ago_is_no_lag() -> None:
    assert problems([replace(node, lag_ms=node.lag_ms + 10**11) for node in NODES]) == []


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((), "No node answers."),
        ((STANDBY, GATEWAY), "No engine leads: no order is taken."),
        ((ENGINE, STANDBY), "No gateway answers: nobody is served."),
        (
            (ENGINE, replace(STANDBY, state="leading"), GATEWAY),
            "e1 and e2 say that they lead; the log takes events of one of them only.",
        ),
        ((ENGINE, replace(GATEWAY, lag_ms=2021)), "Gateway g1 is 2.0 s behind."),
        ((ENGINE, replace(GATEWAY, problem="out of order")), "Gateway g1: out of order"),
        (
            (ENGINE, GATEWAY, replace(GATEWAY, process=1)),
            "More than one node is called g1: each needs a name of its own (node_name).",
        ),
    ],
)
def test_what_is_wrong_with_nodes_is_said(nodes: Sequence[NodeStatus], said: str) -> None:
    assert problems(nodes) == [said]


def of_follower(**changes: object) -> StreamStatus:
    leader, follower = LOG.replicas
    return replace(LOG, replicas=[leader, replace(follower, **changes)])


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (None, "There is no log yet: no engine has ever run here."),
        (
            replace(LOG, replicas=LOG.replicas[1:], replicas_configured=1),
            "The log's stream has no leader: most of its servers are away.",
        ),
        (replace(LOG, replicas_configured=3), "The log has 2 of 3 replicas."),
        (of_follower(current=False, offline=True), "NATS server n1, which has a replica of the log, is away."),
        (of_follower(current=False, lag=9), "NATS server n1 is behind with the log, by 9 messages."),
        (replace(LOG, bytes=900), "The log is 90 % full; when it is full it takes no orders."),
    ],
)
def test_what_is_wrong_with_the_log_is_said(log: StreamStatus | None, said: str) -> None:
    assert problems(storage=Storage(log=log)) == [said]


def test_a_part_that_does_not_answer_is_named_and_not_taken_for_absent() -> None:
    assert problems(storage=Storage(silent=["the log's stream"])) == ["There is no answer from the log's stream."]


def test_a_log_without_a_limit_is_never_full() -> None:
    assert problems(storage=Storage(log=replace(LOG, bytes=10**12, bytes_max=0))) == []
