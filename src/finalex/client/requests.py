"""Requests that wait for their outcome, over as many connections as it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from finalex.client import messages
from finalex.client.effects import Answer, Effect, Refuse, Send
from finalex.client.errors import (
    CancelRejectedError,
    OrderRejectedError,
    OutcomeUnknownError,
    RequestFailedError,
    UnreadableMessageError,
)
from finalex.client.messages import OrdersCanceledData, encode_request
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import ErrorData

AGAIN_MS = 1_000
"""When to ask again after an answer that decides nothing."""

RATE_PAUSE_MS = 5_000
"""When to ask again for what the server may have dropped because messages came too fast."""

PENDING_MAX = 1_000
"""So many requests may wait: as many as a connection may send in a minute."""

_REPEATABLE = ("place_order", "cancel_order", "cancel_on_disconnect")
"""What can be sent again at any time: it means one thing only, however often it comes."""


_PASSING = (RejectReason.EXCHANGE_UNAVAILABLE, RejectReason.ORDER_RATE)
"""Reasons that are checked before it is known whether an order that is sent again was placed the first time."""


class TooManyRequestsError(RuntimeError):
    """`PENDING_MAX` requests wait already."""


@dataclass
class _Pending:
    """A request; `sends` counts how often it was sent, `again_ms` is when it is to be sent again anyway.

    `stumbled` says that a reply to it could not be read.
    """

    number: int
    method: str
    params: Mapping[str, object]
    deadline_ms: int
    sends: int = 0
    again_ms: int | None = None
    stumbled: bool = False

    @property
    def id(self) -> str:
        return f"request-{self.number}"

    def send(self) -> Send:
        self.sends += 1
        self.again_ms = None
        return Send(encode_request(self.id, self.method, self.params))


class Requests:
    """Requests in the order in which they were made.

    An order keeps its `client_order_id`, so sending it again after a lost connection gets the first outcome.
    """

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self._pause_ends_ms: int | None = None
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, method: str, params: Mapping[str, object], deadline_ms: int) -> int:
        """Take in a request, not sent yet, and return its number; raises `TooManyRequestsError`."""
        if len(self._pending) >= PENDING_MAX:
            raise TooManyRequestsError(f"{PENDING_MAX} requests wait for their outcome already")
        pending = _Pending(next(self._numbers), method, params, deadline_ms)
        self._pending[pending.id] = pending
        return pending.number

    def send(self, number: int) -> list[Effect]:
        """Send a request, if it still waits; while the server drops messages, after that."""
        pending = self._pending.get(f"request-{number}")
        if pending is not None and self._pause_ends_ms is not None:
            pending.again_ms = self._pause_ends_ms
            return []
        return [] if pending is None else [pending.send()]

    def send_all(self) -> list[Effect]:
        """Send everything that waits, oldest first, over a new connection."""
        self._pause_ends_ms = None
        return [pending.send() for pending in self._pending.values()]

    def forget(self, number: int) -> None:
        """Nobody waits for a request any more; what it asked for may still be done."""
        self._pending.pop(f"request-{number}", None)

    def clear(self, error: Exception) -> list[Effect]:
        """End all requests with `error`."""
        pending = list(self._pending.values())
        self._pending.clear()
        return [Refuse(each.number, error) for each in pending]

    def slow_down(self, now_ms: int) -> None:
        """The server drops messages for a while: ask again later for what can be asked for again."""
        self._pause_ends_ms = now_ms + RATE_PAUSE_MS
        for pending in self._pending.values():
            if pending.method in _REPEATABLE:
                pending.again_ms = now_ms + RATE_PAUSE_MS

    def tick(self, now_ms: int, *, connected: bool) -> list[Effect]:
        """End what waited too long, and send again what is due."""
        if self._pause_ends_ms is not None and now_ms >= self._pause_ends_ms:
            self._pause_ends_ms = None
        effects: list[Effect] = []
        for pending in list(self._pending.values()):
            if now_ms >= pending.deadline_ms:
                del self._pending[pending.id]
                effects.append(Refuse(pending.number, _unknown(pending)))
            elif connected and pending.again_ms is not None and now_ms >= pending.again_ms:
                effects.append(pending.send())
        return effects

    def answered(self, message: messages.OrderAccepted | messages.OrdersCanceled | messages.Switched) -> list[Effect]:
        """Take a reply."""
        pending = self._pending.pop(str(message.id), None)
        data = None if isinstance(message, messages.Switched) else message.data
        return [] if pending is None else [Answer(pending.number, data)]

    def refused(self, request_id: str, error: ErrorData, now_ms: int) -> list[Effect] | None:
        """Take an error; `None` if it is about none of these requests."""
        pending = self._pending.get(request_id)
        if pending is None:
            return None
        if _undecided(pending, error):
            pending.again_ms = now_ms + AGAIN_MS
            return []
        del self._pending[request_id]
        if pending.method == "cancel_order" and error.code == ErrorCode.NOT_FOUND and pending.sends > 1:
            return [Answer(pending.number, OrdersCanceledData([]))]
        return [Refuse(pending.number, _failure(pending.method, error))]

    def stumble(self, request_id: str, error: UnreadableMessageError, now_ms: int) -> list[Effect] | None:
        """Take a reply that cannot be read: ask again once, if that may be; `None` if it is to none of these."""
        pending = self._pending.get(request_id)
        if pending is None:
            return None
        if pending.method in _REPEATABLE and not pending.stumbled:
            pending.stumbled, pending.again_ms = True, now_ms + AGAIN_MS
            return []
        del self._pending[request_id]
        return [Refuse(pending.number, error)]


def _undecided(pending: _Pending, error: ErrorData) -> bool:
    """Whether an error leaves open what became of an order, so that it must be asked again.

    The first answer to what was sent once says for certain that nothing was done.
    """
    if pending.method not in _REPEATABLE:
        return False
    passing = error.code == ErrorCode.ORDER_REJECTED and error.reason in _PASSING
    return error.code == ErrorCode.INTERNAL_ERROR or (passing and pending.sends > 1)


def _failure(method: str, error: ErrorData) -> RequestFailedError:
    reason = error.reason if isinstance(error.reason, str) else None
    rejected = OrderRejectedError if method == "place_order" else CancelRejectedError
    kind = rejected if error.code == ErrorCode.ORDER_REJECTED else RequestFailedError
    return kind(error.code, error.details, reason)


def _unknown(pending: _Pending) -> OutcomeUnknownError:
    client_order_id = pending.params.get("client_order_id")
    return OutcomeUnknownError(pending.method, client_order_id if isinstance(client_order_id, str) else None)
