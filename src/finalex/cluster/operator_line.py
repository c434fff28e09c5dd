"""The operator's way to the engine that leads, over NATS: one request, one reply, the messages of the admin channel.

Whoever may publish to `Names.operator` is an operator: NATS' permissions say who that is.
"""

import asyncio

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from finalex.admin.answering import ANSWER_TIMEOUT_S, Handle, answer
from finalex.admin.errors import AdminError, UnansweredError
from finalex.admin.messages import (
    LINE_BYTES_MAX,
    ErrorCode,
    ErrorReply,
    InvalidMessageError,
    ReplyT,
    Request,
    decode_reply,
    encode,
)
from finalex.bus.names import Names
from finalex.ending import end_tasks

REQUESTS_MAX = 16
"""How many requests are carried out at once; whoever comes then is told to try again."""

ASK_TIMEOUT_S = ANSWER_TIMEOUT_S + 10.0
"""How long to wait for the engine: longer than it waits itself."""

_BUSY = ErrorReply(code=ErrorCode.BUSY, message="The engine has too many of these requests: try again.")

_log = structlog.get_logger("finalex.admin")


class OperatorLine:
    """Takes requests for `handle` from `start` to `stop`: while this engine leads."""

    def __init__(self, client: Client, names: Names, handle: Handle) -> None:
        self._client = client
        self._subject = names.operator()
        self._handle = handle
        self._subscription: Subscription | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take requests."""
        self._subscription = await self._client.subscribe(self._subject, cb=self._take)

    async def stop(self) -> None:
        """Take no more; what is being carried out is not answered any more."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        await end_tasks(*self._answering)

    async def _take(self, message: Msg) -> None:
        if len(self._answering) >= REQUESTS_MAX:
            await message.respond(encode(_BUSY))
            return
        task = asyncio.create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Msg) -> None:
        reply = await answer(message.data, self._handle)
        try:
            await message.respond(encode(reply))
        except NatsError as error:  # whoever asked is told that nobody answers, and may ask again
            _log.warning("operator_not_answered", reason=str(error))


async def ask_leader(client: Client, names: Names, request: Request, expected: type[ReplyT]) -> ReplyT:
    """Return the reply of the engine that leads; raises what `admin.client.ask` does."""
    line = encode(request)
    if len(line) > LINE_BYTES_MAX:
        raise AdminError(f"The request is too long: it has at most {LINE_BYTES_MAX} bytes.")
    try:
        message = await client.request(names.operator(), line, timeout=ASK_TIMEOUT_S)
        reply = decode_reply(message.data, expected)
    except NoRespondersError:
        raise AdminError(
            f"No engine leads the exchange '{names.cluster}' at the moment: nothing was done. "
            "'finalex cluster status' shows its nodes."
        ) from None
    except (NatsError, TimeoutError):
        raise UnansweredError("The engine does not answer: whether it was done is not known.") from None
    except InvalidMessageError as error:
        raise UnansweredError(f"The engine's answer cannot be understood: {error}.") from None
    if isinstance(reply, ErrorReply):
        raise (UnansweredError if reply.code is ErrorCode.FAILED else AdminError)(reply.message)
    return reply
