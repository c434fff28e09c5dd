"""The courier of a gateway: carries its commands to the leading engine, and the outcomes back."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from itertools import groupby, islice
from operator import itemgetter

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from finalex.bus.names import Names
from finalex.cluster.wire import (
    COMMANDS_PER_MESSAGE_MAX,
    CommandBatch,
    OutcomeBatch,
    SentCommand,
    WireError,
    decode_outcomes,
    encode_commands,
)
from finalex.ending import end_tasks

_log = structlog.get_logger("finalex.cluster")


class Courier:
    """Sends what it is given in one turn of the event loop together, in order.

    `deliver` gets the outcomes as they come, `give_back` the numbers of commands that certainly were not sent. Answers
    to an earlier process with the same `node` name never come here.
    """

    def __init__(
        self,
        client: Client,
        names: Names,
        node: str,
        deliver: Callable[[OutcomeBatch], None],
        give_back: Callable[[Iterable[int]], None],
    ) -> None:
        self._client = client
        self.names = names
        self._node = node
        self._reply_to = names.replies(f"{node}-{secrets.token_hex(4)}")
        self._deliver = deliver
        self._give_back = give_back
        self._waiting: list[tuple[str, SentCommand]] = []
        self._wakened = asyncio.Event()
        self._subscription: Subscription | None = None
        self._sending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take outcomes and to send; raises what subscribing raises."""
        self._subscription = await self._client.subscribe(self._reply_to, cb=self._take)
        self._sending = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send what waits, and take nothing more."""
        if self._sending is not None:
            await end_tasks(self._sending)
        await self._send_waiting()
        if self._subscription is not None and not self._client.is_closed:
            try:
                await self._subscription.unsubscribe()
                await self._client.flush(1)
            except (NatsError, TimeoutError, OSError):  # there is no server to tell it
                _log.debug("courier_not_flushed")

    def send(self, writer: str, command: SentCommand) -> None:
        """Send `command` to the engine that writes as `writer`, with others of this turn."""
        self._waiting.append((writer, command))
        self._wakened.set()

    async def _run(self) -> None:
        while True:
            await self._wakened.wait()
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        self._wakened.clear()
        waiting, self._waiting = self._waiting, []
        for writer, items in groupby(waiting, itemgetter(0)):
            commands = (command for _, command in items)
            while piece := list(islice(commands, COMMANDS_PER_MESSAGE_MAX)):
                await self._publish(writer, piece)

    async def _publish(self, writer: str, items: list[SentCommand]) -> None:
        content = encode_commands(CommandBatch(gateway=self._node, reply_to=self._reply_to, items=items))
        try:
            await self._client.publish(self.names.commands(writer), content)
        except NatsError as error:
            _log.warning("commands_not_sent", commands=len(items), reason=str(error) or type(error).__name__)
            self._give_back(command.number for command in items)

    async def _take(self, message: Msg) -> None:
        try:
            batch = decode_outcomes(message.data)
        except WireError as error:
            _log.warning("outcomes_not_understood", reason=str(error))
            return
        self._deliver(batch)
