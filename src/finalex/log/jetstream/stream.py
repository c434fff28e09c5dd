"""The stream that is the log: one step at a time, each with a known outcome."""

from collections.abc import Callable
from typing import NamedTuple

from nats.aio.client import Client
from nats.js.errors import APIError, NotFoundError

from finalex.bus.names import Names
from finalex.log.jetstream.answers import (
    NO_MESSAGE,
    NO_STREAM,
    TIMEOUT_S,
    WRONG_LAST_SEQUENCE,
    FencedError,
    StreamAwayError,
    StreamFullError,
    explained,
)
from finalex.log.jetstream.direct import Message, fetch
from finalex.log.jetstream.envelope import Envelope, Stored, damaged, decode, parse
from finalex.log.jetstream.making import make_stream
from finalex.log.port import LogDamagedError, LogError, LogTrimmedError

__all__ = ["End", "FencedError", "Held", "LogStream", "StreamAwayError", "StreamFullError"]

EXPECTED_HEADER = "Nats-Expected-Last-Sequence"


class End(NamedTuple):
    """Where the log ends: its last message and the last batch in it; zeros and "" for an empty log."""

    stream_sequence: int = 0
    sequence: int = 0
    time_ms: int = 0
    writer: str = ""
    leaving: bool = False
    position: int = 0


class Held(NamedTuple):
    """What the stream holds: its first and last message, and its size."""

    first: int
    last: int
    used_bytes: int
    bytes_max: int


class LogStream:
    """The log's stream as `client` reaches it. All methods may raise `StreamAwayError`, which means: try again."""

    def __init__(self, client: Client, names: Names) -> None:
        self.client = client
        self.names = names
        self._stream = names.log_stream
        self._jetstream = client.jetstream(timeout=TIMEOUT_S)

    async def prepare(self, replicas: int, bytes_max: int) -> None:
        """Make the stream, or check the one that is there and give it these two settings.

        Raises `LogError` for a stream that cannot be a log, and for servers that cannot have one.
        """
        await make_stream(self.client, self.names, replicas, bytes_max)

    async def held(self) -> Held:
        """Return what the stream holds, as its leader knows it."""
        with explained():
            info = await self._jetstream.stream_info(self._stream)
        bytes_max = info.config.max_bytes or 0
        return Held(info.state.first_seq, info.state.last_seq, info.state.bytes, max(bytes_max, 0))

    async def end(self) -> End:
        """Return where the log ends, as the stream's leader knows it; raises `LogDamagedError` and `LogError`."""
        message = await self._leaders(subject=self.names.log)
        if message is None:
            held = await self.held()
            if not held.last:
                return End()
            message = await self._leaders(subject=self.names.log)  # the first may have come between the two questions
        if message is None:
            raise LogDamagedError(f"The log on JetStream is damaged: all {held.last} messages have been deleted.")
        last = decode(message.data, message.sequence)
        return End(last.stream_sequence, last.sequence, last.time_ms, last.writer, last.leaving, last.position)

    async def read(self, after: int) -> list[Stored]:
        """Return what follows the message `after`, in order and without a gap, as much as is read at once.

        Nothing at the end; the replica that answers may be behind, and then its end is. Raises `LogTrimmedError` if
        what follows is no longer kept, `LogDamagedError` if it is missing or not as it was written, `LogError` if a
        newer release wrote it.
        """
        messages = await fetch(self.client, self._stream, after + 1)
        if messages and messages[0].sequence != after + 1:
            messages = [await self._missed(after + 1)]
        found: list[Stored] = []
        for expected, message in enumerate(messages, after + 1):
            if message.sequence != expected:
                break  # asked for again, it is looked for at the leader
            found.append(decode(message.data, message.sequence))
        return found

    async def get(self, stream_sequence: int) -> Stored | None:
        """Return one message as the stream's leader has it, or `None`; raises what `read` does but for the trimmed."""
        message = await self._leaders(stream_sequence)
        return None if message is None else decode(message.data, message.sequence)

    async def place(self, sequence: int) -> int:
        """Return a message after which reading gives every batch above `sequence`, and as few others as possible.

        Raises `LogTrimmedError` if some of those are no longer kept, `LogDamagedError` and `LogError`.
        """
        place = await self.last_where(lambda envelope: envelope.record.last <= sequence)
        following = await fetch(self.client, self._stream, place + 1, 1)
        if following:
            previous = parse(following[0].data, following[0].sequence).record.previous
            if previous > sequence:
                raise LogTrimmedError(f"Batches up to {previous} are no longer kept.")
        return place

    async def last_where(self, holds: Callable[[Envelope], bool]) -> int:
        """Return the last message for which `holds`, which it does for the first ones and then no more.

        Where it holds for none, that is the message before the first.
        """
        oldest = await fetch(self.client, self._stream, 1, 1)
        if not oldest:
            if (await self.held()).last:
                raise StreamAwayError("JetStream does not answer: a server has nothing of the log yet.")
            return 0
        low, high = oldest[0].sequence - 1, (await self._newest_anywhere()) + 1
        while high - low > 1:
            middle = (low + high) // 2
            found = await fetch(self.client, self._stream, middle, 1)
            if found and holds(parse(found[0].data, found[0].sequence)):
                low = max(middle, found[0].sequence)
            else:
                high = middle
        return low

    async def append(self, content: bytes, expected: int) -> None:
        """Store `content` right after the message `expected`; when this returns, it is durable, exactly once.

        Raises `FencedError` if another writer's is there, `StreamFullError` if there is no room, `StreamAwayError`
        if nobody knows. After the latter two nothing but the same content may be tried at this place.
        """
        if not self.client.is_connected:  # it would be kept, and sent at some time
            raise StreamAwayError("JetStream does not answer: there is no connection.")
        try:
            with explained():
                await self._publish(content, expected)
        except StreamAwayError:
            await self._settle(content, expected)

    async def purge(self, up_to: int) -> None:
        """Delete all messages up to `up_to`."""
        with explained():
            await self._jetstream.purge_stream(self._stream, seq=up_to + 1)

    async def _publish(self, content: bytes, expected: int) -> None:
        try:
            await self._jetstream.publish(
                self.names.log,
                content,
                timeout=TIMEOUT_S,
                stream=self._stream,  # any other refuses it
                headers={EXPECTED_HEADER: str(expected)},
            )
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise StreamAwayError("Another message is there, or this one already.") from None
            raise

    async def _settle(self, content: bytes, expected: int) -> None:
        """Return if `content` is after the message `expected`; raises what `append` raises."""
        held = await self.held()
        if held.last < expected:
            raise StreamAwayError(
                f"The log ends at message {held.last}: its end, up to message {expected}, is missing."
            )
        if held.last == expected:
            raise StreamAwayError("JetStream does not answer: the message was not stored.")
        there = await self._leaders(expected + 1)
        if there is not None and there.data == content:
            return
        if there is None and held.first <= expected + 1:
            raise StreamAwayError("JetStream does not answer: a server does not have the end of the log yet.")
        raise FencedError(f"Another writer{_named(there)} appended to the log after message {expected}.")

    async def _missed(self, stream_sequence: int) -> Message:
        """Return a message that a replica did not have although it has later ones; raises what `read` does."""
        message = await self._leaders(stream_sequence)
        if message is not None:
            return message
        if (await self.held()).first > stream_sequence:
            raise LogTrimmedError(f"The log on JetStream no longer keeps message {stream_sequence}.")
        raise damaged(stream_sequence, "it is missing")

    async def _leaders(self, stream_sequence: int | None = None, subject: str | None = None) -> Message | None:
        """Return a message, or the last, as the stream's leader has it, or `None`."""
        with explained():
            try:
                raw = await self._jetstream.get_msg(self._stream, seq=stream_sequence, subject=subject)
            except NotFoundError as error:
                if error.err_code == NO_STREAM:
                    raise StreamAwayError(f"There is no stream '{self._stream}' on JetStream.") from None
                if error.err_code == NO_MESSAGE:
                    return None
                raise
        return Message(raw.seq or 0, raw.data or b"")

    async def _newest_anywhere(self) -> int:
        """Return the last message as some replica knows it."""
        with explained():
            try:
                raw = await self._jetstream.get_msg(self._stream, subject=self.names.log, direct=True)
            except NotFoundError:
                return 0
        return raw.seq or 0


def _named(message: Message | None) -> str:
    """Return the name of the writer of a message, if it can be known, as part of a sentence."""
    try:
        return "" if message is None else f", '{parse(message.data, message.sequence).writer}',"
    except LogError:
        return ""
