"""Answers of an engine: the outcomes of one turn of the event loop go to each gateway together."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from finalex.cluster.wire import OutcomeBatch, SentOutcome, encode_outcomes
from finalex.exchange.outcomes import Canceled, Outcome

ORDERS_PER_MESSAGE_MAX = 1000
"""More orders than these in outcomes are sent as several messages: NATS takes 1 MiB."""

STOP_TIMEOUT_S = 2
"""How long stopping waits for NATS to take the last answers."""

_log = structlog.get_logger("finalex.cluster")


class Answers:
    """Sends what `add` is given, soon and joined; `run` does it. What NATS does not take is lost, and counted."""

    def __init__(self, client: Client) -> None:
        self.failures = 0
        self._client = client
        self._waiting: defaultdict[str, list[SentOutcome]] = defaultdict(list)
        self._sequence = 0
        self._added = asyncio.Event()

    def add(self, reply_to: str, answer: SentOutcome, sequence: int) -> None:
        """Send `answer` to the subject `reply_to`; it is durable with the batch `sequence` of the log."""
        self._waiting[reply_to].append(answer)
        self._sequence = max(self._sequence, sequence)
        self._added.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._added.wait()
            await self._send()

    async def finish(self) -> None:
        """Send what is there, and wait until NATS has it; `run` has ended."""
        await self._send()
        try:
            await self._client.flush(timeout=STOP_TIMEOUT_S)
        except NatsError as error:
            _log.warning("answers_lost", reason=str(error) or type(error).__name__)

    async def _send(self) -> None:
        self._added.clear()
        waiting, self._waiting = self._waiting, defaultdict(list)
        for reply_to, answers in waiting.items():
            for part in _parts(answers):
                await self._publish(reply_to, OutcomeBatch(sequence=self._sequence, items=part))

    async def _publish(self, reply_to: str, batch: OutcomeBatch) -> None:
        try:
            await self._client.publish(reply_to, encode_outcomes(batch))
        except NatsError as error:
            if not self.failures:
                _log.error("answer_failed", gateway=reply_to, reason=str(error) or type(error).__name__)
            self.failures += 1


def _parts(answers: Sequence[SentOutcome]) -> Iterator[list[SentOutcome]]:
    part: list[SentOutcome] = []
    orders = 0
    for answer in answers:
        size = _orders(answer.outcome)
        if part and orders + size > ORDERS_PER_MESSAGE_MAX:
            yield part
            part, orders = [], 0
        part.append(answer)
        orders += size
    yield part


def _orders(outcome: Outcome) -> int:
    return max(1, len(outcome.orders)) if isinstance(outcome, Canceled) else 1
