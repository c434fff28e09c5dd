"""The core of the client: what comes from the server and from the user goes in, what is to be done comes out.

It holds no socket, no clock and no chance: `now_ms` is any clock that only goes forward, `chance` a number from 0 to 1.
"""

from collections.abc import Mapping
from enum import Enum, auto
from itertools import count

from finalex.client import messages
from finalex.client.addresses import find_address
from finalex.client.backoff import Backoff
from finalex.client.effects import Close, Effect, Ready, Reconnect, Refresh, Send, Stop
from finalex.client.errors import AuthenticationError, ConnectionClosedError, UnreadableMessageError
from finalex.client.feeds import Feed
from finalex.client.messages import Known, decode_message, encode_request
from finalex.client.requests import Requests
from finalex.client.subscriptions import ROUTES, UNREADABLE_PAUSE_MS, Subscriptions
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.messages import ConnectionStatusData, ErrorData
from finalex.protocol.streams import Stream

GREETING_MS_MAX = 10_000
"""How long the server may take for its first message."""

QUIET_MS = 20_000
"""After such a silence the server is asked for a sign of life."""

SILENT_MS_MAX = 30_000
"""After such a silence the connection does no good."""

_SWITCH = "cancel_on_disconnect"

UNREADABLE_MAX = 3
"""So many connections in a row, each soon after the other, that bring what belongs nowhere end the client."""


class Phase(Enum):
    """How the connection stands."""

    OFFLINE = auto()
    GREETING = auto()
    READY = auto()
    CLOSING = auto()
    STOPPED = auto()


_OPEN = (Phase.GREETING, Phase.READY)  # looked at for every message, and looking up members takes long


class Core:
    """One client over all its connections.

    `renewable` says that new credentials can be had: then their end is no end of the client.
    """

    def __init__(self, backoff: Backoff, *, renewable: bool = False) -> None:
        self.phase = Phase.OFFLINE
        self.subscriptions = Subscriptions()
        self.requests = Requests()
        self._backoff = backoff
        self._renewable = renewable
        self._failures = 0
        self._greeted = False
        self._reconnect_after_ms: int | None = None
        self._last_error = ""
        self._heard_ms = 0
        self._pinged = False
        self._server_ms = 0
        self._cancel_on_disconnect = False
        self._stumbles = 0
        self._stumbled_ms = -UNREADABLE_PAUSE_MS
        self._numbers = count(1)

    # --- the connection ---------------------------------------------------------------------------------

    def connected(self, now_ms: int) -> list[Effect]:
        """The handshake is done; the greeting is still to come."""
        self.phase = Phase.GREETING
        self._greeted, self._pinged = False, False
        self._reconnect_after_ms, self._last_error = None, ""
        self._heard_ms = now_ms
        return []

    def received(self, text: bytes, now_ms: int) -> list[Effect]:
        """Take a message; one that cannot be read is asked for again, once."""
        if self.phase not in _OPEN:
            return []
        self._heard_ms, self._pinged = now_ms, False
        try:
            message = decode_message(text)
            return [] if message is None else self._take(message, now_ms)
        except ValueError as error:  # `UnreadableMessageError`, or a number that is none
            return self._stumble(text, str(error), now_ms)

    def lost(self, code: int | None, chance: float) -> list[Effect]:
        """The connection has ended, or could not be made; `code` is the server's close code, if it gave one."""
        if self.phase is Phase.STOPPED:
            return []
        self.phase = Phase.OFFLINE
        self.subscriptions.lose()
        error = self._verdict(code)
        if error is not None:
            return self.stop(error)
        after_ms, self._reconnect_after_ms = self._reconnect_after_ms, None
        if after_ms is None:
            after_ms = self._backoff.delay_ms(self._failures, chance)
        self._failures += 1
        return [Reconnect(after_ms)]

    def tick(self, now_ms: int, *, reading: bool = True) -> list[Effect]:
        """Do what is due; `reading` says whether what the server sends is read at the moment."""
        effects = self.requests.tick(now_ms, connected=self.phase is Phase.READY)
        if not reading:
            self._heard_ms = now_ms
        silent_ms = now_ms - self._heard_ms
        if self.phase is Phase.GREETING and silent_ms >= GREETING_MS_MAX:
            effects += self._close("the server does not greet")
        elif self.phase is Phase.READY:
            if silent_ms >= SILENT_MS_MAX or self.subscriptions.overdue(now_ms):
                effects += self._close("the server does not answer")
            elif silent_ms >= QUIET_MS and not self._pinged:
                self._pinged = True
                effects.append(Send(encode_request(f"ping-{next(self._numbers)}", "ping", {})))
            if self.phase is Phase.READY:
                effects += self.subscriptions.tick(now_ms, self._server_ms)
        return effects

    def stop(self, error: Exception) -> list[Effect]:
        """End the client for good: everybody who waits gets `error`."""
        if self.phase is Phase.STOPPED:
            return []
        self.phase = Phase.STOPPED
        return [*self.subscriptions.clear(error), *self.requests.clear(error), Stop(error)]

    # --- the user ---------------------------------------------------------------------------------------

    def subscribe(self, stream: Stream, past: int, now_ms: int) -> tuple[Feed, list[Effect]]:
        """Subscribe, now or as soon as there is a connection; raises `SubscribedAlreadyError`."""
        feed = self.subscriptions.add(stream, past)
        if self.phase is not Phase.READY:
            return feed, []
        return feed, self.subscriptions.ask([feed], now_ms, self._server_ms)

    def unsubscribe(self, key: int) -> list[Effect]:
        """End a subscription; one that is not there is no error."""
        feed = self.subscriptions.remove(key)
        return [self.subscriptions.leave(feed)] if feed and self.phase is Phase.READY else []

    def request(self, method: str, params: Mapping[str, object], deadline_ms: int) -> tuple[int, list[Effect]]:
        """Make a request, now or as soon as there is a connection; raises `TooManyRequestsError`."""
        number = self.requests.add(method, params, deadline_ms)
        return number, self.requests.send(number) if self.phase is Phase.READY else []

    def cancel_on_disconnect(self, deadline_ms: int, *, enabled: bool) -> tuple[int, list[Effect]]:
        """Have the server cancel open orders when a connection ends: this one, and all later ones."""
        self._cancel_on_disconnect = enabled
        return self.request(_SWITCH, {"enabled": enabled}, deadline_ms)

    def authenticate(self, token: str) -> list[Effect]:
        """Replace the token on the open connection."""
        if self.phase is not Phase.READY:
            return []
        return [Send(encode_request(f"auth-{next(self._numbers)}", "auth", {"token": token}))]

    # --- messages ---------------------------------------------------------------------------------------

    def _take(self, message: Known, now_ms: int) -> list[Effect]:
        if message.timestamp > self._server_ms:
            self._server_ms = message.timestamp
        if type(message) in ROUTES:  # first, for it is nearly always one, and told apart at once
            return self.subscriptions.take(message, now_ms, self._server_ms)  # type: ignore[arg-type]
        match message:
            case messages.Status():
                return self._status(message.data, now_ms)
            case messages.Error():
                return self._error(str(message.id), message.data, now_ms)
            case messages.Heartbeat():
                return self.subscriptions.note(message, now_ms, self._server_ms)
            case messages.Subscribed():
                return self.subscriptions.answered(message, now_ms, self._server_ms)
            case messages.OrderAccepted() | messages.OrdersCanceled() | messages.Switched():
                return self.requests.answered(message)
            case _:  # a publication, which was taken
                return []

    def _stumble(self, text: bytes, problem: str, now_ms: int) -> list[Effect]:
        """Ask again for what cannot be read; what belongs nowhere only another connection can heal."""
        address, error = find_address(text), UnreadableMessageError(f"a message cannot be read: {problem}")
        if address is not None:
            effects = self.requests.stumble(address.id, error, now_ms)
            if effects is None:
                effects = self.subscriptions.stumble(address.route, problem, now_ms, self._server_ms)
            if effects is not None:
                return effects
        soon = now_ms - self._stumbled_ms < UNREADABLE_PAUSE_MS
        self._stumbles = self._stumbles + 1 if soon else 1
        self._stumbled_ms = now_ms
        if self._stumbles < UNREADABLE_MAX:
            return self._close(str(error))
        return [*self._close(str(error)), *self.stop(error)]

    def _status(self, status: ConnectionStatusData, now_ms: int) -> list[Effect]:
        match status.status:
            case "connected" if self.phase is Phase.GREETING:
                self.phase, self._greeted, self._failures = Phase.READY, True, 0
                restored = self.subscriptions.restore(now_ms, self._server_ms)
                return [Ready(), *self._switch(), *restored, *self.requests.send_all()]
            case "token_expiring" if self._renewable:
                return [Refresh()]
            case "lagging":
                self.subscriptions.lag()
            case "closing":
                after_ms = status.reconnect_after_ms
                self._reconnect_after_ms = after_ms if isinstance(after_ms, int) else None
        return []

    def _switch(self) -> list[Effect]:
        if not self._cancel_on_disconnect:
            return []
        return [Send(encode_request(f"switch-{next(self._numbers)}", _SWITCH, {"enabled": True}))]

    def _error(self, request_id: str, error: ErrorData, now_ms: int) -> list[Effect]:
        refused = self.requests.refused(request_id, error, now_ms)
        if refused is None:
            refused = self.subscriptions.refused(request_id, error)
        if refused is not None:
            return refused
        self._last_error = f"{error.code}: {error.details}" if error.details else error.code
        if error.code == ErrorCode.RATE_LIMIT_EXCEEDED:
            self.requests.slow_down(now_ms)
            self.subscriptions.slow_down(now_ms)
        return []

    def _close(self, reason: str) -> list[Effect]:
        self.phase = Phase.CLOSING
        return [Close(reason)]

    def _verdict(self, code: int | None) -> ConnectionClosedError | None:
        """Return why not to come back, if `code` says so."""
        try:
            known = CloseCode(code or 0)
        except ValueError:
            return None
        if known.reconnect:
            return None
        said = f"the server closed the connection with {code}"
        said += f" ({self._last_error})" if self._last_error else ""
        if known is not CloseCode.UNAUTHORIZED:
            return ConnectionClosedError(said, code)
        return None if self._renewable and self._greeted else AuthenticationError(said, code)
