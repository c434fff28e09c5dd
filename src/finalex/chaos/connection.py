"""A connection of the sandbox."""

import asyncio
from typing import TYPE_CHECKING, cast

from picows import WSTransport

from finalex.chaos.faults import Fault
from finalex.chaos.line import Line
from finalex.chaos.requests import ASKABLE, Asked, FaultData, parse_asked
from finalex.gateway.assembler import Received
from finalex.gateway.connection import Connection
from finalex.gateway.framing import frame_text
from finalex.gateway.wire import Wire
from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import ErrorData, encode_reply

if TYPE_CHECKING:
    from finalex.chaos.sandbox import Sandbox

RETRY_SPREAD_MS = 500
"""Within this time after the server is back, clients are asked to return."""


class ChaoticConnection(Connection):
    """A connection that things happen to; `sandbox` is set before it is connected."""

    __slots__ = ("_drops_until_s", "_limits", "_line", "sandbox")

    sandbox: "Sandbox"
    _line: Line

    def on_ws_connected(self, transport: WSTransport) -> None:
        """See `Connection.on_ws_connected`."""
        self._limits = False
        self._drops_until_s = 0.0
        wire = cast("Wire", transport.underlying_transport)
        wire.lead_through(self._make_line)
        self.sandbox.enter(self)
        super().on_ws_connected(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """See `Connection.on_ws_disconnected`."""
        self.sandbox.leave(self)
        super().on_ws_disconnected(transport)

    def restart(self, down_ms: int) -> None:
        """The server restarts, or says so; a calm connection stays."""
        if not self._line.calm:
            self._switchboard.fanout.flush()
            self.notify_closing(down_ms + self.sandbox.spread_ms(RETRY_SPREAD_MS))

    def end_silence(self) -> None:
        """The sandbox ends: let nothing hold on to a connection that is silent."""
        if self._line.silent:
            self._line.abort()

    def _make_line(self, transport: asyncio.Transport) -> Line:
        settings = self._switchboard.settings
        claimed_bytes = (settings.lagging_bytes + settings.queue_bytes_max) // 2
        sandbox, number = self.sandbox, self.number
        self._line = Line(
            transport,
            sandbox.plan(number),
            sandbox.profile,
            claimed_bytes,
            lambda fault: sandbox.note(fault, number),
            self._arm,
            sandbox.hold,
        )
        return self._line

    def _arm(self, fault: Fault) -> None:
        """Do what the line cannot."""
        if fault is Fault.RATE_LIMIT:
            self._limits = True
        elif fault is Fault.RESTART:
            self.sandbox.note(fault, self.number)
            self.restart(self.sandbox.profile.down_ms)

    def _receive(self, received: Received | None) -> None:
        if isinstance(received, str):
            asked = parse_asked(received)
            if asked is not None:
                self._carry_out(asked)
                return
            if self._is_dropped():
                return
        super()._receive(received)

    def _carry_out(self, asked: Asked) -> None:
        if asked.calm:
            self._line.calm_down()
            self._limits, self._drops_until_s = False, 0.0
            self._reply(asked.id, "chaos", FaultData("calm"))
        elif asked.fault is None:
            self._refuse(asked.id, ErrorCode.INVALID_PARAMS, f"'fault' must be one of {', '.join(ASKABLE)}")
        else:
            self._reply(asked.id, "chaos", FaultData(asked.fault.value))
            self._line.inject(asked.fault)

    def _is_dropped(self) -> bool:
        """Whether a request is dropped: from one that is refused for coming too fast until a while after."""
        now_s = asyncio.get_running_loop().time()
        if self._limits:
            self._limits = False
            self._drops_until_s = now_s + self.sandbox.profile.rate_limit_ms / 1000
            self.sandbox.note(Fault.RATE_LIMIT, self.number)
            self._refuse("server-chaos", ErrorCode.RATE_LIMIT_EXCEEDED, "chaos: requests are dropped for a while")
        return now_s < self._drops_until_s

    def _refuse(self, request_id: str | float, code: ErrorCode, details: str) -> None:
        self._switchboard.metrics.errors[code] += 1
        self._reply(request_id, "error", ErrorData(code=code, message=code.message, details=details))

    def _reply(self, request_id: str | float, type_: str, data: object) -> None:
        self._switchboard.fanout.settle(self._outbox)
        self._outbox.reply(frame_text(encode_reply(request_id, type_, data, self._switchboard.now_ms())))
