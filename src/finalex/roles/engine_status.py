"""How an engine of a cluster is, for those who ask all nodes."""

from finalex.clock import now_ms
from finalex.cluster.status import NodeStatus, ThisNode
from finalex.roles.engine_metrics import Shown


def describe_engine(engine: Shown, this: ThisNode) -> NodeStatus:
    """Return how `engine` is."""
    if engine.leading is not None:
        log = engine.leading.log
        problem = None if log.problem is None else f"the log takes no events ({log.problem})"
        return _status(this, "leading", log.sequence, log.time_ms, problem)
    if engine.standby is not None:
        state = "following" if engine.standby.following else "catching_up"
        return _status(this, state, engine.standby.sequence, engine.standby.time_ms)
    return this.status(state="restoring", sequence=0, lag_ms=0)


def _status(this: ThisNode, state: str, sequence: int, time_ms: int, problem: str | None = None) -> NodeStatus:
    lag_ms = max(0, now_ms() - time_ms) if time_ms else 0
    return this.status(state=state, sequence=sequence, lag_ms=lag_ms, problem=problem)
