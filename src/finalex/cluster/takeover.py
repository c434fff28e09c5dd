"""The takeover: an engine that stood by appends its first batch, and leads if that is stored where it belongs."""

import asyncio
import secrets
from contextlib import suppress

from finalex.log.jetstream.envelope import WRITER_LENGTH_MAX
from finalex.log.port import Log, LogProblem

ATTEMPT_TIMEOUT_S = 5.0
"""After so long without knowing whether the first batch is stored, an attempt is given up."""

LOOK_INTERVAL_S = 0.02

HOPELESS = (LogProblem.FENCED, LogProblem.CLOSED)
"""Problems that waiting does not solve; a log that is too full for events may still have room for this batch."""

_EPOCH_BYTES = 4


def writer_name(node: str) -> str:
    """Return a name to write the log as that nobody has ever used: the node's, and a random epoch."""
    epoch = secrets.token_hex(_EPOCH_BYTES)
    return f"{node[: WRITER_LENGTH_MAX - len(epoch) - 1]}-{epoch}"


async def take_over(log: Log) -> LogProblem | None:
    """Append a batch without events to `log`, which goes on where the caller's state is; `None` if it was stored.

    It leaves the log's clock where it is: that is the source's, which may begin in the past.
    Then the caller leads, with everything that was ever accepted in its state. Else the problem: `FENCED` if
    somebody else leads, `STORAGE_FAILED` if nobody could tell in time, or why the log takes nothing.
    """
    stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    batch = log.append((), log.time_ms)
    log.when_durable(batch.sequence, lambda durable: None if stored.done() else stored.set_result(durable))
    with suppress(TimeoutError):
        async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
            while not stored.done() and log.problem not in HOPELESS:
                await asyncio.wait({stored}, timeout=LOOK_INTERVAL_S)
    if stored.done() and stored.result():
        return None
    return log.problem or LogProblem.STORAGE_FAILED
