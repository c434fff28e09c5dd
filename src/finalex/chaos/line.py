"""The line of one connection: the way from the server to the network, on which things go wrong."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from finalex.chaos.delays import Delays
from finalex.chaos.faults import Fault
from finalex.chaos.frames import MessageHead, opcode_of, read_head, split_frames
from finalex.chaos.plan import LinePlan
from finalex.chaos.profiles import Profile
from finalex.gateway.framing import Opcode

NUMBERED = {"orderbook_update": Fault.BOOK_GAP, "trade": Fault.TRADE_GAP}
"""The types of messages that are numbered by 1, so that a client can tell that one is missing."""

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time at all: closing resets the connection."""


class _Nobody(asyncio.Protocol):
    """Takes the place of the server's protocol on a connection that the server has given up and the client has not."""


class Line(asyncio.Transport):
    """The transport of one connection, between the server and the real one.

    `happened` is told each fault as it happens; those that are not the line's own are left to `hand_over`. `hold`
    takes a silent connection that the server has given up. While the line stalls it claims that `claimed_bytes` wait.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        plan: LinePlan,
        profile: Profile,
        claimed_bytes: int,
        happened: Callable[[Fault], None],
        hand_over: Callable[[Fault], None],
        hold: Callable[[asyncio.Transport], None],
    ) -> None:
        super().__init__()
        self.calm = False
        self.silent = False
        self._transport = transport
        self._plan = plan
        self._profile = profile
        self._claimed_bytes = claimed_bytes
        self._happened = happened
        self._hand_over = hand_over
        self._hold = hold
        self._delays = Delays()
        self._mute = False
        self._armed: set[Fault] = set()
        self._passed: set[tuple[str, str]] = set()
        self._over = False
        self._cut = False
        self._high_bytes = 0

    # --- faults -----------------------------------------------------------------------------------------

    def calm_down(self) -> None:
        """From now on nothing happens but what is injected."""
        self.calm, self._mute = True, False
        self._armed.clear()

    def inject(self, fault: Fault) -> None:
        """Let `fault` happen: now, or at the first message that it can happen to."""
        match fault:
            case Fault.RESET:
                self._happened(fault)
                self._reset()
            case Fault.SILENCE:
                self._happened(fault)
                self._fall_silent()
            case Fault.STALL:
                self._stall()
            case Fault.MUTE:
                self._happened(fault)
                self._mute = True
            case Fault.CUT | Fault.LOST_REPLY:
                self._armed.add(fault)
            case Fault.BOOK_GAP | Fault.TRADE_GAP:
                self._armed.add(fault)
            case _:
                self._hand_over(fault)

    def _reset(self) -> None:
        self._over = True
        self._delays.clear()
        with suppress(OSError):
            network = self._transport.get_extra_info("socket")
            network.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self._transport.abort()

    def _fall_silent(self) -> None:
        self.silent = self._over = True
        self._delays.clear()
        with suppress(RuntimeError):  # it may be closing already
            self._transport.pause_reading()

    def _stall(self) -> None:
        if self._delays.paused or self._transport.is_closing():
            return
        self._happened(Fault.STALL)
        self._delays.paused = True
        self._server().pause_writing()
        asyncio.get_running_loop().call_later(self._profile.stall_ms / 1000, self._go_on)

    def _go_on(self) -> None:
        self._delays.resume()
        if self._over or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() <= self._high_bytes:
            self._server().resume_writing()  # otherwise the real transport does, when that has left

    def _server(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", self._transport.get_protocol())

    # --- what leaves ------------------------------------------------------------------------------------

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Send whole frames, or what is left of them."""
        leaving: list[bytes] = []
        for frame in split_frames(bytes(data)):
            if self._over:
                break
            leaving += self._pass(frame, leaving)
        if leaving and not self.silent:
            self._depart(b"".join(leaving))
        if self._cut:
            self._delays.enter(self._transport.close, 0)

    def _pass(self, frame: bytes, before: list[bytes]) -> list[bytes]:
        """Return what passes of a frame; `before` are those that it is to follow."""
        opcode = opcode_of(frame)
        if opcode == Opcode.PONG and self._mute:
            return []
        if opcode != Opcode.TEXT:
            return [frame]
        fault = None if self.calm else self._plan.count()
        if fault is not None:
            if fault in (Fault.RESET, Fault.SILENCE):
                self._depart(b"".join(before))
                before.clear()
            self.inject(fault)
        return [] if self._over else self._pass_message(frame)

    def _pass_message(self, frame: bytes) -> list[bytes]:
        if not (self._armed or self._mute):
            return [frame]
        if Fault.CUT in self._armed:
            self._happened(Fault.CUT)
            self._over = self._cut = True
            return [frame[: len(frame) // 2]]
        head = read_head(frame)
        if Fault.LOST_REPLY in self._armed and head.type == "order_accepted":
            self._happened(Fault.LOST_REPLY)
            self._reset()
            return []
        leaves = not ((self._mute and head.type == "pong") or self._is_left_out(head))
        return [frame] if leaves else []

    def _is_left_out(self, head: MessageHead) -> bool:
        """Whether to leave a message out: one that follows another of its kind, so that the gap can be seen."""
        if head.type == "subscribed":
            self._passed.clear()  # what is then told from the last message seen on begins with the next one
        gap, kind = NUMBERED.get(head.type), (head.type, head.symbol)
        if gap not in self._armed:
            return False
        if kind not in self._passed:
            self._passed.add(kind)
            return False
        self._passed.clear()
        self._armed.discard(gap)
        self._happened(gap)
        return True

    def _depart(self, data: bytes) -> None:
        if data:
            slow_ms = self._profile.slow_close_ms if opcode_of(data) == Opcode.CLOSE and not self.calm else 0
            delay_ms = 0 if self.calm else self._plan.delay_ms() + slow_ms
            self._delays.enter(partial(self._arrive, data), delay_ms / 1000, len(data))

    def _arrive(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    # --- the rest of a transport ------------------------------------------------------------------------

    def abort(self) -> None:
        """See `asyncio.WriteTransport`; of a silent connection only the server hears."""
        self._over = True
        self._delays.clear()
        if not self.silent:
            self._transport.abort()
            return
        protocol = self._transport.get_protocol()
        if not isinstance(protocol, _Nobody):
            self._transport.set_protocol(_Nobody())
            asyncio.get_running_loop().call_soon(cast("asyncio.Protocol", protocol).connection_lost, None)
            self._hold(self._transport)

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        if not self.silent:
            self._delays.enter(self._transport.close, self._slow_s)

    def write_eof(self) -> None:
        """See `asyncio.WriteTransport`."""
        if not self.silent:
            self._delays.enter(self._end, self._slow_s)

    def _end(self) -> None:
        if not self._transport.is_closing():
            self._transport.write_eof()

    @property
    def _slow_s(self) -> float:
        return 0 if self.calm else self._profile.slow_close_ms / 1000

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`."""
        return self._transport.can_write_eof()

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._over or self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Return what waits: on the network, and here while the line stalls. What is on its way waits nowhere."""
        waiting = self._transport.get_write_buffer_size()
        return waiting + self._delays.bytes + self._claimed_bytes if self._delays.paused else waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `asyncio.WriteTransport`."""
        self._high_bytes = high or 0
        self._transport.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        return self._transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See `asyncio.BaseTransport`."""
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See `asyncio.BaseTransport`."""
        self._transport.set_protocol(protocol)
