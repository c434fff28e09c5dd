"""The other end of the admin channel: one request, one reply, for a program that waits."""

import socket
from pathlib import Path

from finalex.admin.errors import AdminError, UnansweredError
from finalex.admin.messages import (
    LINE_BYTES_MAX,
    ErrorCode,
    ErrorReply,
    InvalidMessageError,
    ReplyT,
    Request,
    decode_reply,
    encode,
)
from finalex.admin.socket_file import connect

TIMEOUT_S = 40.0
"""How long to wait for the server each time: longer than it waits itself."""

REPLY_BYTES_MAX = 1 << 20

_CHUNK_BYTES = 1 << 16


def ask(path: Path, request: Request, expected: type[ReplyT], timeout_s: float = TIMEOUT_S) -> ReplyT:
    """Return the reply of the server whose socket is at `path`.

    Raises `NoServerError` if there is none, `UnansweredError` if whether the request was carried out is not known,
    and `AdminError` with what the server says if it was not.
    """
    line = encode(request)
    if len(line) > LINE_BYTES_MAX:
        raise AdminError(f"The request is too long: it has at most {LINE_BYTES_MAX} bytes.")
    with connect(path, timeout_s) as connection:
        try:
            connection.sendall(line)
            reply = decode_reply(_receive(connection), expected)
        except TimeoutError:
            raise UnansweredError("The server does not answer: whether it was done is not known.") from None
        except OSError as error:
            raise UnansweredError(
                f"The connection to the server broke ({error.strerror}): whether it was done is not known."
            ) from None
        except InvalidMessageError as error:
            raise UnansweredError(f"The server's answer cannot be understood: {error}.") from None
    if isinstance(reply, ErrorReply):
        raise (UnansweredError if reply.code is ErrorCode.FAILED else AdminError)(reply.message)
    return reply


def _receive(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            raise InvalidMessageError("it ends too early")
        received += chunk
        if len(received) > REPLY_BYTES_MAX:
            raise InvalidMessageError("it is too long")
    return bytes(received)
