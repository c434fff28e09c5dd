"""One WebSocket connection: frames in, pings out, and the closing handshake."""

from typing import ClassVar, Final, cast

from picows import WSFrame, WSListener, WSTransport

from finalex.gateway.assembler import BadFrameError, MessageAssembler, PeerClose, Ping, Pong, Received
from finalex.gateway.conversation import Conversation
from finalex.gateway.framing import PING, Opcode, frame_pong
from finalex.gateway.intake import Meter
from finalex.gateway.outbox import Outbox
from finalex.gateway.switchboard import Step, Switchboard
from finalex.gateway.wire import Wire
from finalex.protocol.errors import CloseCode
from finalex.session.auth import Revocation
from finalex.session.session import Session

CONTROL_FRAMES_MAX = 100
"""How many pings and pongs a client may send between two sweeps of the heartbeat."""

ABNORMAL: Final = "1006"
"""How the end of a connection without a close frame is counted."""

_PARSER_REASONS = {
    CloseCode.PROTOCOL_ERROR: "a frame breaks the protocol",
    CloseCode.INVALID_TEXT: "the close reason is not UTF-8",
    CloseCode.MESSAGE_TOO_BIG: "the message is too big",
}


class Connection(WSListener):
    """What picows calls for one client, and what the server calls for it.

    `number` is its place among all connections ever. `address` is whose limit it counts against, `None` for a
    connection that was refused. `ping_due_ms` is on the heartbeat's clock. With `deflate` it was agreed that messages
    may be compressed.
    """

    __slots__ = (
        "_assembler",
        "_control_frames",
        "_conversation",
        "_heard",
        "_idle_since_ms",
        "_meter",
        "_opening",
        "_outbox",
        "_pong_due_ms",
        "_session",
        "_switchboard",
        "_unfinished",
        "address",
        "number",
        "ping_due_ms",
    )

    takes_binary: ClassVar[bool] = False
    """Whether binary messages are more than a reason to close with 1003; our clients send text."""

    def __init__(
        self,
        number: int,
        address: str | None,
        session: Session,
        opening: Step,
        switchboard: Switchboard,
        *,
        deflate: bool = False,
    ) -> None:
        self.number = number
        self.address = address
        self.ping_due_ms = 0.0
        self._pong_due_ms: float | None = None
        self._control_frames = 0
        self._heard = False
        self._idle_since_ms: float | None = None
        self._meter: Meter = switchboard.intake.meter(address)
        self._session = session
        self._unfinished: tuple[object, float] | None = None
        self._opening: Step | None = opening
        self._switchboard = switchboard
        self._assembler = MessageAssembler(
            switchboard.settings.message_bytes_max,
            deflate=deflate,
            binary=self.takes_binary,
            fragments_max=switchboard.settings.fragments_max,
        )
        self._outbox: Outbox
        self._conversation: Conversation

    # --- what picows calls ------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin the session."""
        wire = cast("Wire", transport.underlying_transport)
        wire.on_parser_failure = self._parser_failed
        wire.warn_above(self._switchboard.settings.lagging_bytes)
        self._outbox = Outbox(wire, self._switchboard, self, deflates=self._assembler.deflate)
        self._conversation = Conversation(self._session, self._outbox, self._switchboard)
        opening, self._opening = self._opening, None  # and with it the credentials
        if opening is not None:
            self._conversation.open(opening)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002 (the interface's)
        """Take one frame."""
        opcode = frame.msg_type.value
        if not self._outbox.open:
            if opcode == Opcode.CLOSE:
                self._outbox.hang_up()
            return
        final, compressed, reserved = bool(frame.fin), bool(frame.rsv1), bool(frame.rsv2 or frame.rsv3)
        payload = frame.get_payload_as_bytes()
        too_much = self._meter.take(len(payload))
        if too_much is not None:
            self._outbox.close(too_much.code, too_much.reason)
            return
        try:
            received = self._assembler.accept(opcode, payload, final=final, reserved=reserved, compressed=compressed)
        except BadFrameError as error:
            self._outbox.close(error.code, error.reason)
        else:
            self._receive(received)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 (the interface's)
        """Let go of everything."""
        if self._outbox.lost():
            self._switchboard.metrics.closes[ABNORMAL] += 1
        self._switchboard.forget(self)
        self._conversation.disconnect()

    def pause_writing(self) -> None:
        """Much waits."""
        self._outbox.filled()

    def resume_writing(self) -> None:
        """What waited has left."""
        self._outbox.drained()

    # --- what the outbox calls --------------------------------------------------------------------------

    def fall_behind(self) -> None:
        """See `Client.fall_behind`."""
        self._conversation.fall_behind()

    def catch_up(self) -> None:
        """See `Client.catch_up`."""
        self._conversation.catch_up()

    def resume(self) -> None:
        """See `Client.resume`."""
        self._conversation.resume()

    def describe(self) -> dict[str, object]:
        """See `Client.describe`."""
        return {"connection": self.number, "address": self.address, "user": self._session.user}

    # --- what the server calls --------------------------------------------------------------------------

    @property
    def user(self) -> str | None:
        """Who is logged in, or `None`."""
        return self._session.user

    def visit(self, tick_ms: float) -> None:
        """Do what is due at `tick_ms`, by the heartbeat's clock."""
        if not self._outbox.open:
            return
        self._control_frames = 0
        if self._pong_due_ms is not None and tick_ms >= self._pong_due_ms:
            self._outbox.close(CloseCode.TIMEOUT, "no answer to a ping")
            return
        if self._pong_due_ms is None and tick_ms >= self.ping_due_ms:
            self.ping_due_ms = tick_ms + self._switchboard.settings.ping_interval_ms
            self._pong_due_ms = tick_ms + self._switchboard.settings.pong_timeout_ms
            self._outbox.reply(PING)
        if self._is_trickling(tick_ms):
            self._outbox.close(CloseCode.POLICY_VIOLATION, "a message must be finished in time")
            return
        if self._is_idle(tick_ms):
            self._outbox.close(CloseCode.POLICY_VIOLATION, "idle: log in, or subscribe to something")
            return
        self._conversation.advance()

    def notify_closing(self, reconnect_after_ms: int) -> None:
        """The server goes down: say so, and close."""
        self._conversation.notify_closing(reconnect_after_ms)

    def revoke(self, revocation: Revocation) -> bool:
        """Credentials were revoked; return whether this connection had logged in with them, and ends now."""
        was_open = self._outbox.open
        self._conversation.revoke(revocation)
        return was_open and not self._outbox.open

    def give_way(self, *, account: bool) -> bool:
        """Its address, or its account, has too many connections; return whether this one was open, and ends now."""
        was_open = self._outbox.open
        self._conversation.give_way(account=account)
        return was_open and not self._outbox.open

    def close(self, code: CloseCode, reason: str) -> None:
        """Close without a word of the session."""
        self._outbox.close(code, reason)

    def drop(self) -> None:
        """End at once."""
        self._outbox.drop()

    def abandon(self) -> None:
        """It never came to be connected."""
        self._switchboard.forget(self)

    # --- inside -----------------------------------------------------------------------------------------

    def _receive(self, received: Received | None) -> None:
        if isinstance(received, str):
            self._heard = True
            self._conversation.receive(received)
        elif isinstance(received, PeerClose):
            self._outbox.close(received.code or CloseCode.NORMAL, "")
            self._outbox.hang_up()
        elif isinstance(received, Ping | Pong):
            self._take_control_frame(received)

    def _is_trickling(self, tick_ms: float) -> bool:
        """Whether a message has been on its way for too long, in fragments that come one by one."""
        message = self._assembler.unfinished
        if message is None:
            self._unfinished = None
            return False
        if self._unfinished is None or self._unfinished[0] is not message:
            self._unfinished = message, tick_ms
        return tick_ms - self._unfinished[1] >= self._switchboard.settings.message_timeout_ms

    def _is_idle(self, tick_ms: float) -> bool:
        """Whether nobody is logged in, nothing is subscribed to and nothing was asked for, for too long."""
        streams = self._switchboard.fanout.streams(self._outbox)
        if self._heard or streams or self._outbox.lagging or self._session.user is not None:
            self._heard, self._idle_since_ms = False, None
            return False
        if self._idle_since_ms is None:
            self._idle_since_ms = tick_ms
        return tick_ms - self._idle_since_ms >= self._switchboard.settings.anonymous_idle_timeout_ms

    def _take_control_frame(self, received: Ping | Pong) -> None:
        self._control_frames += 1
        if self._control_frames > CONTROL_FRAMES_MAX:
            self._outbox.close(CloseCode.POLICY_VIOLATION, "too many pings and pongs")
        elif isinstance(received, Ping):
            self._outbox.reply(frame_pong(received.payload))
        else:
            self._pong_due_ms = None

    def _parser_failed(self, code: int) -> None:
        close_code = CloseCode(code)
        self._outbox.close(close_code, _PARSER_REASONS.get(close_code, ""))
        self._outbox.hang_up()
