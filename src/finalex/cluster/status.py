"""How the nodes of an exchange are: each answers for itself, and who asks gathers what comes within a short time."""

import asyncio
import os
import socket
from collections.abc import Callable
from time import monotonic
from typing import Annotated

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from finalex import __version__
from finalex.bus.names import Names

ANSWERS_S = 0.5
"""How long answers are gathered: nobody knows how many there will be."""

ANSWERS_MAX = 1000
"""More are not read."""

TEXT_LENGTH_MAX = 200

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH_MAX, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""What may be shown at a terminal."""

_Count = Annotated[int, msgspec.Meta(ge=0)]

_log = structlog.get_logger("finalex.cluster")


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one process of the exchange is.

    `role` is `engine` or `gateway`; `state` is `leading`, `following`, `serving`, or what else it is at. `sequence`
    is the last batch of the log that it has applied, `lag_ms` how far its view is behind the wall clock, and `problem`
    a sentence. A field of a later release is passed over.
    """

    role: Text
    name: Text
    state: Text
    sequence: _Count
    lag_ms: int
    uptime_ms: _Count
    host: Text
    process: _Count
    version: Text
    connections: _Count = 0
    problem: Text | None = None


class ThisNode:
    """Makes the status of this process, whose life in `role` under `name` begins now."""

    def __init__(self, role: str, name: str) -> None:
        self._role = role
        self._name = name
        self._began_s = monotonic()

    def status(
        self,
        *,
        state: str,
        sequence: int,
        lag_ms: int,
        connections: int = 0,
        problem: str | None = None,
    ) -> NodeStatus:
        """Return how this process is; the arguments are fields of `NodeStatus`."""
        return NodeStatus(
            role=self._role,
            name=self._name,
            state=state,
            sequence=sequence,
            lag_ms=lag_ms,
            uptime_ms=int((monotonic() - self._began_s) * 1000),
            host=socket.gethostname(),
            process=os.getpid(),
            version=__version__,
            connections=connections,
            problem=problem and "".join(each if each.isprintable() else "?" for each in problem[:TEXT_LENGTH_MAX]),
        )


class StatusResponder:
    """Answers, on the loop of `client`, everybody who asks how this node is; `describe` says it anew each time.

    A `describe` that fails is logged, and nothing is answered. After a reconnection answers go on by themselves.
    """

    def __init__(self, client: Client, names: Names, describe: Callable[[], NodeStatus]) -> None:
        self._client = client
        self._names = names
        self._describe = describe
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._subscription = await self._client.subscribe(self._names.status, cb=self._answer)

    async def stop(self) -> None:
        """Answer no longer; a client that is closed already is no error."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    async def _answer(self, message: Msg) -> None:
        try:
            answer = msgspec.json.encode(self._describe())
        except Exception:
            _log.exception("status_failed")
            return
        if message.reply:
            await message.respond(answer)


async def ask_nodes(client: Client, names: Names, within_s: float = ANSWERS_S) -> list[NodeStatus]:
    """Return what every node answers `within_s`, engines first and by name; what cannot be understood is left out."""
    answers: list[NodeStatus] = []

    async def take(message: Msg) -> None:
        if not message.data:
            return  # the server says that there is nobody to answer
        try:
            answers.append(_decoder.decode(message.data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _log.warning("status_not_understood", reason=str(error))

    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=take, pending_msgs_limit=ANSWERS_MAX)
    try:
        await client.publish(names.status, b"", reply=inbox)
        await asyncio.sleep(within_s)
    finally:
        await _unsubscribe(subscription)
    return sorted(answers[:ANSWERS_MAX], key=lambda node: (node.role, node.name))


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except (NatsError, OSError) as error:
        _log.warning("unsubscribe_failed", reason=str(error))


_decoder = msgspec.json.Decoder(NodeStatus)
