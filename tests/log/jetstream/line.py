"""The line between a writer and JetStream, as tests break it: messages and answers are held, lost, doubled."""

import asyncio
import threading

import pytest

from finalex.log.jetstream.answers import StreamAwayError
from finalex.log.jetstream.envelope import parse
from finalex.log.jetstream.stream import LogStream
from log.jetstream.written import POLL_S, until


class Line:
    """The line of the writer `writer`, whole at first. It may be broken from any thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, writer: str = "first") -> None:
        self.messages_lost = self.answers_lost = 0
        """So many of the next messages never arrive; so many arrive, and their answers do not."""
        self.copies = 0
        """Every message arrives once more so many times, after its answer."""
        self.sent: list[list[int]] = []
        """The batches' sequences in each message that was sent."""
        self._held = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._writer = writer
        self._publish = LogStream._publish
        line = self

        async def publish(stream: LogStream, content: bytes, expected: int) -> None:
            await line._carry(stream, content, expected)

        monkeypatch.setattr(LogStream, "_publish", publish)

    def hold(self) -> None:
        """Hold messages until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Let the message that is held, and all after it, go on."""
        self._held.clear()
        self._open.set()

    async def until_held(self) -> None:
        """Wait until a message is held."""
        await until(self._held.is_set)

    async def _carry(self, stream: LogStream, content: bytes, expected: int) -> None:
        envelope = parse(content, 0)
        if envelope.writer != self._writer:
            return await self._publish(stream, content, expected)
        self.sent.append(list(range(envelope.record.first, envelope.record.last + 1)))
        while not self._open.is_set():
            self._held.set()
            await asyncio.sleep(POLL_S)
        if self.messages_lost:
            self.messages_lost -= 1
            raise StreamAwayError("The message is lost.")
        await self._publish(stream, content, expected)
        for _ in range(self.copies):
            with pytest.raises(StreamAwayError):
                await self._publish(stream, content, expected)
        if self.answers_lost:
            self.answers_lost -= 1
            raise StreamAwayError("The answer is lost.")
        return None
