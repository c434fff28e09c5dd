"""A term: the time in which one engine leads, from its first batch to its last."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import structlog
from nats.aio.client import Client

from finalex.clock import now_ms
from finalex.cluster.command_intake import CommandIntake
from finalex.cluster.takeover import take_over, writer_name
from finalex.config import Config
from finalex.ending import end_tasks
from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.limits import JetStreamLimits
from finalex.log.jetstream.log import JetStreamLog
from finalex.log.jetstream.stream import End
from finalex.log.port import LogProblem
from finalex.session.order_rates import OrderRates
from finalex.sources.port import Source

PULSE_S = 0.2
"""When a source appends nothing for so long, a batch without events says that its engine still leads."""

HOUR_MS = 3_600_000

_log = structlog.get_logger("finalex.engine")


def log_limits(config: Config) -> JetStreamLimits:
    """Return how long the log keeps what snapshots cover; how much it may hold is the stream's."""
    return JetStreamLimits(age_ms_max=config.log_hours_max * HOUR_MS)


class SourceFailedError(Exception):
    """What leading takes cannot go on, the source above all, for the reason that is the cause."""


class Term:
    """An attempt to lead, and the time for which it does if the attempt succeeds.

    `engine_state` is that at the log's end `end`. `order_rates` and `counts` outlive the term.
    """

    def __init__(
        self,
        client: Client,
        config: Config,
        node: str,
        engine_state: ExchangeState,
        end: End,
        order_rates: OrderRates,
        counts: Counter[str],
    ) -> None:
        self.writer = writer_name(node)
        self.replaced = False
        self.problem: LogProblem | None = LogProblem.CLOSED
        """Why the attempt failed, if it did."""
        self.engine_state = engine_state
        self._fenced = asyncio.Event()
        self._intake = CommandIntake(client, config.bus_names, self.writer, order_rates, now_ms, counts)
        self.log = JetStreamLog(
            config.bus_address,
            config.bus_names,
            writer=self.writer,
            after=end,
            call_soon=asyncio.get_running_loop().call_soon_threadsafe,
            limits=log_limits(config),
            on_fenced=self._fenced.set,
        )

    async def begin(self) -> bool:
        """Try to lead and return whether it is so; from then on commands are held. A failed attempt leaves nothing."""
        try:
            await self._intake.listen()
            self.problem = await take_over(self.log)
        finally:
            if self.problem is not None:
                await self._intake.stop()
                self.log.close(leaving=self.problem is not LogProblem.FENCED)  # if it did get in after all
        if self.problem is not None:
            _log.info("takeover_failed", writer=self.writer, problem=self.problem.value)
        return self.problem is None

    async def run(self, source: Source, beside: Coroutine[Any, Any, object]) -> None:
        """Have the source write, and carry out commands, until another engine leads; do `beside` along with that.

        Raises `SourceFailedError`.
        """
        self._intake.begin(source, self.log, self.engine_state.instruments)
        fenced: asyncio.Task[object] = asyncio.create_task(self._fenced.wait())
        tasks: list[asyncio.Task[object]] = [fenced]
        tasks += [asyncio.create_task(each) for each in (source.run(), self._pulse(), beside)]
        waiting = set(tasks)
        try:
            while fenced in waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                failed = [task for task in done if task.exception() is not None]
                if failed and self.log.problem is not LogProblem.FENCED:
                    raise SourceFailedError from failed[0].exception()
        finally:
            await self._intake.stop()
            await end_tasks(*tasks)

    async def end(self) -> None:
        """Let what is decided become durable and answer it; tell other engines to go on, unless one does already."""
        self.replaced = self.log.problem is LogProblem.FENCED
        self.log.close(leaving=not self.replaced)
        await self._intake.finish()

    async def _pulse(self) -> None:
        """Append when the source does not: a recording that waits or has ended is no reason for a takeover."""
        while True:
            before = self.log.sequence
            await asyncio.sleep(PULSE_S)
            if self.log.sequence == before:
                self.log.append((), self.log.time_ms)
