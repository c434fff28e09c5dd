"""What a session wants done: the gateway carries effects out in order, without waiting between them."""

import msgspec

from finalex.channels.resumable import Want
from finalex.model.commands import Command
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.requests import RequestId
from finalex.protocol.streams import Stream


class Send(msgspec.Struct, frozen=True):
    """Send one text message to this connection, after everything published so far.

    `error` is the code of an error message.
    """

    text: bytes
    error: ErrorCode | None = None


class Join(msgspec.Struct, frozen=True):
    """From now on this connection gets what is published on `stream`, and nothing published before."""

    stream: Stream


class Leave(msgspec.Struct, frozen=True):
    """This connection gets no more of `stream`."""

    stream: Stream


class Submit(msgspec.Struct, frozen=True):
    """Submit `command`; its outcome comes back to `Session.answer` with `request_id`, unless that is `None`."""

    command: Command
    request_id: RequestId | None


class OpenAccount(msgspec.Struct, frozen=True):
    """A user has logged in: the source may want to open an account for it (demo balances)."""

    user: str


class Recall(msgspec.Struct, frozen=True):
    """Look for `wants` in the log, while everything else goes on.

    `Session.recalled` is told which can be found there, then `Session.replayed` what there is, piece by piece as the
    client takes it, then `Session.caught_up` that this was all; or `Session.recall_failed` in place of any of them.
    """

    key: int
    wants: tuple[Want, ...]


class StopRecall(msgspec.Struct, frozen=True):
    """Look no further: nobody waits for the recall `key` any more."""

    key: int


class Proceed(msgspec.Struct, frozen=True):
    """Call `Session.proceed` once, in a later turn of the event loop and when little waits to be sent."""


class Close(msgspec.Struct, frozen=True):
    """Send what is queued, then close the connection."""

    code: CloseCode
    reason: str


Effect = Send | Join | Leave | Submit | OpenAccount | Recall | StopRecall | Proceed | Close
