"""An engine that is not ours, on NATS: the stream of its events, the one of those set aside, and its commands."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, RePublish, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from finalex.bus.names import Names
from finalex.log.jetstream.answers import StreamAwayError, StreamFullError, explained
from finalex.log.jetstream.direct import Message, fetch
from finalex.log.port import LogError
from finalex.sources.external_port import EventMessage, InputAwayError, InputMissingError, NobodyListensError

EVENTS_BYTES_MAX = 256 << 20
"""So much of what was published is stored; while it is full, producers are refused, and nothing is lost."""

DEAD_BYTES_MAX = 64 << 20
"""So much of what was set aside is stored; the oldest goes first."""

DEAD_MESSAGE_BYTES_MAX = 512 << 10
"""Of a longer message only the beginning is set aside."""

REPEATED_S = 3600.0
"""Who publishes a message again with the same `Nats-Msg-Id` within this time publishes nothing."""

WAIT_S = 0.25
"""How long reading waits for a message."""

RETRY_S = 0.01
"""The pause before a replica that has not yet what others have is asked again."""

LOOK_S = 10.0
"""How often it is looked whether the stream is still the same."""

PRODUCER_HEADER = "Finalex-Producer"
REASON_HEADER, SEQUENCE_HEADER, CUT_HEADER = "Finalex-Reason", "Finalex-Sequence", "Finalex-Cut"
HEADER_LENGTH_MAX = 400

_TIMEOUT_S = 2.0
_NO_RESPONDERS = "503"


class NatsEvents:
    """The messages of an external engine in the stream `names.events_stream`; see `ExternalInput`.

    Reading makes the streams where they are missing, with so many `replicas`.
    """

    def __init__(self, client: Client, names: Names, replicas: int) -> None:
        self._client = client
        self._names = names
        self._replicas = replicas
        self._jetstream = client.jetstream(timeout=_TIMEOUT_S)
        self._stored = asyncio.Event()
        self._subscription: Subscription | None = None
        self._newest = 0
        self._looked_s = 0.0

    async def prepare(self, first: int = 1) -> None:
        """Make the streams that are missing; the events of a new one are numbered from `first`."""
        with _asking():
            await self._make(_events_config(self._names, self._replicas, first))
            await self._make(_dead_config(self._names, self._replicas))

    async def read(self, after: int) -> list[EventMessage]:
        """See `ExternalInput.read`."""
        if self._subscription is None:
            await self.prepare(after + 1)
            with _asking():
                self._subscription = await self._client.subscribe(stored_subject(self._names), cb=self._wake)
        self._stored.clear()
        messages = await self._fetch(after) or await self._await(after)
        if not messages:
            await self._look(after)
        return [_event_message(message) for message in messages]

    async def set_aside(self, message: EventMessage, reason: str) -> None:
        """See `ExternalInput.set_aside`."""
        headers = {
            "Nats-Msg-Id": str(message.sequence),
            "Content-Type": _header(message.content_type or "application/json"),
            SEQUENCE_HEADER: str(message.sequence),
            REASON_HEADER: _header(reason),
        }
        if message.producer:
            headers[PRODUCER_HEADER] = _header(message.producer)
        data = message.data[:DEAD_MESSAGE_BYTES_MAX]
        if len(data) < len(message.data):
            headers[CUT_HEADER] = str(len(message.data))
        with _asking():
            await self._jetstream.publish(self._names.dead, data, headers=headers)

    async def forget(self, sequence: int) -> None:
        """See `ExternalInput.forget`."""
        with _asking():
            await self._jetstream.purge_stream(self._names.events_stream, seq=sequence + 1)

    async def close(self) -> None:
        """See `ExternalInput.close`."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(NatsError):  # the connection may be gone, and the subscription with it
                await subscription.unsubscribe()

    async def _fetch(self, after: int) -> list[Message]:
        with _asking():
            messages = await fetch(self._client, self._names.events_stream, after + 1)
        if messages and messages[0].sequence != after + 1:
            raise _missing(after, f"the oldest one stored is {messages[0].sequence}")
        holes = (index for index, message in enumerate(messages) if message.sequence != after + 1 + index)
        return messages[: next(holes, len(messages))]

    async def _await(self, after: int) -> list[Message]:
        """Wait until a message is stored, or for `WAIT_S`, and return what there is then."""
        messages: list[Message] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._stored.wait()
                while not messages and self._newest > after:  # the replica that answers may be behind
                    messages = await self._fetch(after) or await asyncio.sleep(RETRY_S, messages)
        return messages or await self._fetch(after)

    async def _look(self, after: int) -> None:
        """Raise `InputMissingError` if the stream is another one than it was."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s < LOOK_S:
            return
        with _asking():
            try:
                state = (await self._jetstream.stream_info(self._names.events_stream)).state
            except NotFoundError:
                raise _missing(after, "the stream has been deleted") from None
        if state.last_seq < after or state.first_seq > after + 1:
            raise _missing(after, f"the stream has {state.first_seq} to {state.last_seq}")
        self._looked_s = now_s

    async def _wake(self, message: Msg) -> None:
        self._newest = int((message.headers or {}).get("Nats-Sequence", "0"))
        self._stored.set()

    async def _make(self, config: StreamConfig) -> None:
        try:
            found = (await self._jetstream.stream_info(str(config.name))).config
        except NotFoundError:
            await self._jetstream.add_stream(config)
            return
        if found.subjects != config.subjects:
            raise LogError(f"The stream '{config.name}' takes other subjects than {config.subjects}: delete it.")
        if found.num_replicas != config.num_replicas:
            await self._jetstream.update_stream(found.evolve(num_replicas=config.num_replicas))


class NatsVenue:
    """An external engine that takes commands at `names.external_commands`; see `ExternalVenue`."""

    def __init__(self, client: Client, names: Names) -> None:
        self._client = client
        self._subject = names.external_commands
        self._inbox = client.new_inbox()
        self._asked = 0
        self._answers: dict[str, asyncio.Future[Msg]] = {}
        self._listening: asyncio.Task[Subscription] | None = None

    async def request(self, command: bytes, timeout_s: float) -> bytes:
        """See `ExternalVenue.request`."""
        if not self._client.is_connected:  # it would be kept, and sent at some time
            raise NobodyListensError
        await self._listen()
        self._asked += 1
        inbox = f"{self._inbox}.{self._asked}"
        answer = self._answers[inbox] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._client.publish(self._subject, command, reply=inbox)
                message = await answer
        except NatsError as error:
            raise NobodyListensError from error
        finally:
            del self._answers[inbox]
        if (message.headers or {}).get("Status") == _NO_RESPONDERS:
            raise NobodyListensError
        data: bytes = message.data
        return data

    async def close(self) -> None:
        """See `ExternalVenue.close`."""
        if self._listening is not None:
            with suppress(NatsError):
                await (await self._listening).unsubscribe()

    async def _listen(self) -> None:
        """Listen for answers, if that was not begun before; raises `NobodyListensError`."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._client.subscribe(f"{self._inbox}.*", cb=self._take))
        try:
            await asyncio.shield(self._listening)
        except NatsError as error:
            self._listening = None  # the next one tries again
            raise NobodyListensError from error

    async def _take(self, message: Msg) -> None:
        answer = self._answers.get(message.subject)
        if answer is not None and not answer.done():
            answer.set_result(message)


def stored_subject(names: Names) -> str:
    """Where the server tells what it has just stored in the stream of events, without the contents."""
    return names.subject("external", "stored")


async def count_dead_letters(client: Client, names: Names) -> int:
    """Return how many messages are set aside, 0 if there is no stream for them; raises `InputAwayError`."""
    with _asking():
        try:
            info = await client.jetstream(timeout=_TIMEOUT_S).stream_info(names.dead_stream)
        except NotFoundError:
            return 0
    return info.state.messages


def _events_config(names: Names, replicas: int, first: int) -> StreamConfig:
    return StreamConfig(
        name=names.events_stream,
        description="Events of an engine that is not Finalex, for its gateways.",
        subjects=[names.events],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=EVENTS_BYTES_MAX,
        num_replicas=replicas,
        duplicate_window=REPEATED_S,
        allow_direct=True,
        first_seq=first if first > 1 else None,
        republish=RePublish(src=names.events, dest=stored_subject(names), headers_only=True),
    )


def _dead_config(names: Names, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=names.dead_stream,
        description="Events of an engine that is not Finalex which could not be taken.",
        subjects=[names.dead],
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_bytes=DEAD_BYTES_MAX,
        num_replicas=replicas,
        duplicate_window=REPEATED_S,
    )


def _event_message(message: Message) -> EventMessage:
    headers = message.headers
    return EventMessage(
        message.sequence,
        headers.get("Content-Type", ""),
        headers.get(PRODUCER_HEADER, ""),
        message.data,
        int(headers.get("Nats-Num-Pending", "0")),
    )


def _header(text: str) -> str:
    """Return `text` as a header can have it."""
    printable = "".join(each if each.isprintable() else " " for each in text[:HEADER_LENGTH_MAX])
    return printable.encode("ascii", "backslashreplace").decode()[:HEADER_LENGTH_MAX].strip()


def _missing(after: int, what: str) -> InputMissingError:
    return InputMissingError(
        f"The external engine's messages were taken in up to {after}, and what follows is gone: {what}. "
        "What it had to say is lost; begin with a cluster of another name, or restore one."
    )


@contextmanager
def _asking() -> Iterator[None]:
    try:
        with explained():
            yield
    except (StreamAwayError, StreamFullError) as error:
        raise InputAwayError(str(error)) from None
