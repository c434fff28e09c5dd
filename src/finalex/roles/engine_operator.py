"""The operator of an engine that leads: reached over NATS, and over the socket in the data directory."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog
from nats.aio.client import Client

from finalex import __version__
from finalex.admin.errors import AdminError
from finalex.admin.messages import AnyRequest, ErrorCode, ErrorReply, Reply, StatusReply
from finalex.admin.operator import Operator
from finalex.admin.server import AdminServer
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.audit.file import AuditFile
from finalex.audit.log import AuditLog, NoAuditLog, WrittenAuditLog
from finalex.clock import now_ms
from finalex.cluster.leading import Leading
from finalex.cluster.operator_line import OperatorLine
from finalex.cluster.status import ask_nodes
from finalex.config import Config
from finalex.log.port import Log
from finalex.settings.places import IN_MEMORY
from finalex.sourcing import describe_source

SOCKET_RETRY_S = 1.0
"""How often an engine looks whether the one before it in the same data directory has left its socket."""

_GONE = ErrorReply(
    code=ErrorCode.FAILED, message="This engine does not lead any more: whether it was done is not known."
)

_log = structlog.get_logger("finalex.admin")


@asynccontextmanager
async def operated(config: Config, client: Client, leading: Leading) -> AsyncIterator[None]:
    """Carry out what an operator asks of the engine that leads, for as long as the context lasts."""
    audit = _audit_log(config)
    desk = _Desk(config, client, leading, audit or NoAuditLog())
    line = OperatorLine(client, config.bus_names, desk.handle)
    socket = asyncio.create_task(_serve_socket(config, desk))
    await line.start()
    try:
        yield
    finally:
        await line.stop()
        socket.cancel()
        await asyncio.gather(socket, return_exceptions=True)
        if audit is not None:
            await asyncio.to_thread(audit.close)


class _Desk:
    """Answers when all that it says is durable: the engine's state is ahead of the log."""

    def __init__(self, config: Config, client: Client, leading: Leading, audit: AuditLog) -> None:
        self._config = config
        self._client = client
        self._leading = leading
        self._since_s = asyncio.get_running_loop().time()
        self._operator = Operator(leading.engine_state, leading.source, lambda _: 0, self._status, audit)

    async def handle(self, request: AnyRequest) -> Reply:
        reply = await self._operator.handle(request)
        if isinstance(reply, StatusReply):
            return await self._counted(reply)
        return reply if await _durable(self._leading.log) else _GONE

    def _status(self) -> StatusReply:
        log = self._leading.log
        return StatusReply(
            version=__version__,
            process=os.getpid(),
            source=describe_source(self._config, self._leading.source),
            sequence=log.sequence,
            time_ms=log.time_ms,
            problem=log.problem,
            connections=0,
            uptime_ms=int((asyncio.get_running_loop().time() - self._since_s) * 1000),
        )

    async def _counted(self, reply: StatusReply) -> StatusReply:
        nodes = await ask_nodes(self._client, self._config.bus_names)
        return msgspec.structs.replace(reply, connections=sum(node.connections for node in nodes))


async def _durable(log: Log) -> bool:
    """Wait until everything that was appended is durable, and return whether it is."""
    result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    log.when_durable(log.sequence, lambda durable: None if result.done() else result.set_result(durable))
    return await result


async def _serve_socket(config: Config, desk: _Desk) -> None:
    """Serve the data directory's socket until cancelled, as soon as nobody else does."""
    if config.data_dir == IN_MEMORY:
        return
    said = False
    while True:
        server = AdminServer(config.data_dir / SOCKET_FILE_NAME, desk.handle)
        try:
            await server.start()
            break
        except AdminError as error:
            if not said:
                _log.warning("admin_socket_taken", reason=str(error))
            said = True
            await asyncio.sleep(SOCKET_RETRY_S)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await server.stop()


def _audit_log(config: Config) -> WrittenAuditLog | None:
    if not config.audit_log or config.data_dir == IN_MEMORY:
        return None
    log = WrittenAuditLog(AuditFile(config.data_dir, config.audit_log_bytes_max), now_ms)
    log.start()
    return log
