"""What a request to subscribe or unsubscribe changes, item by item, and the one reply to it."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from finalex.channels.resumable import Want
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import encode_reply
from finalex.protocol.requests import PAST_MESSAGES_MAX, RequestId, Subscribe, Subscription
from finalex.session.catching_up import Latecomer
from finalex.session.effects import Effect, Send
from finalex.session.replies import error_data, error_reply

Answer = int | Want | RequestError | None
"""How what an item missed is told: so many messages out of memory, from the log, not for this error, or not at all."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a request: what it named, or its error, and the effects to carry out."""

    named: dict[str, object]
    error: RequestError | None = None
    effects: tuple[Effect, ...] = ()
    latecomer: Latecomer | None = None

    def result(self) -> dict[str, object]:
        """Return the item's part of the reply."""
        return self.named if self.error is None else {**self.named, "error": error_data(self.error)}


def refused(item: Subscription | RequestError, error: RequestError) -> Change:
    """Return what becomes of an item that has this `error`."""
    if isinstance(item, RequestError):
        return Change(named={}, error=error)
    return Change(named={"channel": item.channel, "symbol": item.symbol}, error=error)


def reply(kind: str, request: Subscribe, request_id: RequestId, changes: Sequence[Change], now_ms: int) -> Send:
    """Return the reply to a request: its one item's result or error, or the list of them."""
    if not request.single:
        return Send(encode_reply(request_id, kind, {"results": [change.result() for change in changes]}, now_ms))
    if changes[0].error is not None:
        return error_reply(changes[0].error, request_id, now_ms)
    return Send(encode_reply(request_id, kind, changes[0].result(), now_ms))


def bounded(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yield `answers`, but an error for each that would make one request send too much at once."""
    messages = 0
    for answer in answers:
        messages += answer if isinstance(answer, int) else 0
        if isinstance(answer, int) and messages > PAST_MESSAGES_MAX:
            details = f"one request may resume {PAST_MESSAGES_MAX} messages altogether: send this item again by itself"
            yield RequestError(ErrorCode.INVALID_PARAMS, details)
        else:
            yield answer
