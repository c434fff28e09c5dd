"""The admin server: takes requests from a socket in the file system and has them carried out."""

import asyncio
from pathlib import Path

import msgspec
import structlog

from finalex.admin.answering import ANSWER_TIMEOUT_S, Handle, answer
from finalex.admin.messages import LINE_BYTES_MAX, ErrorCode, ErrorReply, Reply, encode
from finalex.admin.peers import may_operate, peer_user
from finalex.admin.socket_file import SocketFile

_log = structlog.get_logger("finalex.admin")


class AdminLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the admin server puts up with.

    A peer has `patience_s` to send a request, and as long to take an answer. An answer that is not there after
    `answer_timeout_s` is not waited for.
    """

    connections_max: int = 16
    patience_s: float = 10.0
    answer_timeout_s: float = ANSWER_TIMEOUT_S


DEFAULT_LIMITS = AdminLimits()

_NOT_ALLOWED = ErrorReply(code=ErrorCode.NOT_ALLOWED, message="This server obeys its own user and root only.")
_BUSY = ErrorReply(code=ErrorCode.BUSY, message="The server has too many of these connections: try again.")
_TOO_LONG = ErrorReply(
    code=ErrorCode.INVALID_REQUEST, message=f"The request is too long: it has at most {LINE_BYTES_MAX} bytes."
)


class AdminServer:
    """Answers the requests of each connection one after the other, and those of several connections at once.

    Nothing that a peer sends or omits does more than end its own connection.
    """

    def __init__(self, path: Path, handle: Handle, limits: AdminLimits = DEFAULT_LIMITS) -> None:
        self._file = SocketFile(path)
        self._handle = handle
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Listen. Raises `AdminError` if another server does so on the same data directory, or if it cannot be."""
        listener = self._file.listen()
        try:
            self._server = await asyncio.start_unix_server(self._converse, sock=listener, limit=LINE_BYTES_MAX)
        except BaseException:
            self._file.remove()
            listener.close()
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """Take no more requests, and end all connections; what is being carried out has `grace_s` to be answered."""
        self._stopping = True
        if self._server is None:
            return
        self._file.remove()
        self._server.close()
        for idle in self._conversations - self._answering:
            idle.cancel()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=grace_s)
        late = set(self._conversations)
        for conversation in late:
            conversation.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a coroutine of the event loop always runs in one)
        self._conversations.add(task)
        try:
            await self._talk(task, reader, writer)
        except OSError:  # the peer is gone or, as a TimeoutError, too slow
            pass
        finally:
            self._conversations.discard(task)
            self._answering.discard(task)
            writer.transport.abort()  # all that was to be sent has left

    async def _talk(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)  # so that draining waits until everything has left
        refusal = self._refusal(writer)
        if refusal is not None:
            await self._send(writer, refusal)
            return
        while not self._stopping:
            try:
                async with asyncio.timeout(self._limits.patience_s):
                    line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                await self._send(writer, _TOO_LONG)
                return
            except asyncio.IncompleteReadError:  # half a request is none: its other half may have said otherwise
                return
            self._answering.add(task)
            await self._send(writer, await answer(line, self._handle, self._limits.answer_timeout_s))
            self._answering.discard(task)

    def _refusal(self, writer: asyncio.StreamWriter) -> ErrorReply | None:
        if not may_operate(peer_user(writer.get_extra_info("socket"))):
            _log.warning("admin_peer_refused")
            return _NOT_ALLOWED
        return _BUSY if len(self._conversations) > self._limits.connections_max else None

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        async with asyncio.timeout(self._limits.patience_s):
            writer.write(encode(reply))
            await writer.drain()
