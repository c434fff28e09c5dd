"""The client: what it makes of servers that answer, refuse, break off, or talk nonsense."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from admin.desk import WAIT_S, Desk
from finalex.admin.client import REPLY_BYTES_MAX, ask
from finalex.admin.errors import AdminError, NoServerError, UnansweredError
from finalex.admin.messages import (
    LINE_BYTES_MAX,
    ClosedReply,
    CloseKey,
    ErrorCode,
    ErrorReply,
    ShowAccount,
    encode,
)
from finalex.admin.socket_file import SOCKET_FILE_NAME, SocketFile

QUESTION = CloseKey(key="k")


async def test_a_reply_is_returned(desk: Desk) -> None:
    assert await desk.ask(QUESTION, ClosedReply) == ClosedReply(connections=2)
    assert desk.closed_keys == ["k"]


def test_without_a_server_nothing_is_asked(tmp_path: Path) -> None:
    with pytest.raises(NoServerError, match="No server runs on the data directory"):
        ask(tmp_path / SOCKET_FILE_NAME, QUESTION, ClosedReply)


def test_a_request_that_is_too_long_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(AdminError, match="The request is too long") as caught:
        ask(tmp_path / SOCKET_FILE_NAME, ShowAccount(user="x" * LINE_BYTES_MAX), ClosedReply)
    assert not isinstance(caught.value, NoServerError)


def ask_a_server_that(act: Callable[[socket.socket], None], path: Path, timeout_s: float = WAIT_S) -> ClosedReply:
    """Ask a server that takes one connection, reads a line, and does `act` with the connection."""
    with SocketFile(path).listen() as listener:
        listener.setblocking(True)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                assert lines.readline() == encode(QUESTION)
                act(connection)

        server = threading.Thread(target=serve)
        server.start()
        try:
            return ask(path, QUESTION, ClosedReply, timeout_s)
        finally:
            server.join()


def test_an_answer_may_come_in_pieces(tmp_path: Path) -> None:
    def act(connection: socket.socket) -> None:
        connection.sendall(b'{"reply":"closed",')
        connection.sendall(b'"connections":7}\n')

    assert ask_a_server_that(act, tmp_path / SOCKET_FILE_NAME) == ClosedReply(connections=7)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "it ends too early"),
        (b'{"reply":"closed","connections":7}', "it ends too early"),
        (b"hello\n", "malformed"),
        (b'{"reply":"status"}\n', "Invalid value 'status'"),
        (b"x" * (REPLY_BYTES_MAX + 1), "it is too long"),
    ],
)
def test_a_broken_answer_leaves_the_outcome_open(tmp_path: Path, answer: bytes, says: str) -> None:
    with pytest.raises(UnansweredError, match=says):
        ask_a_server_that(lambda connection: connection.sendall(answer), tmp_path / SOCKET_FILE_NAME)


def test_a_server_that_does_not_answer_leaves_the_outcome_open(tmp_path: Path) -> None:
    def wait_for_the_end(connection: socket.socket) -> None:
        connection.recv(1)

    with pytest.raises(UnansweredError, match=r"does not answer: whether it was done is not known\.$"):
        ask_a_server_that(wait_for_the_end, tmp_path / SOCKET_FILE_NAME, timeout_s=0.01)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (ErrorCode.INVALID_REQUEST, AdminError),
        (ErrorCode.NOT_ALLOWED, AdminError),
        (ErrorCode.DECLINED, AdminError),
        (ErrorCode.BUSY, AdminError),
        (ErrorCode.FAILED, UnansweredError),
    ],
)
def test_what_the_server_says_is_passed_on(tmp_path: Path, code: ErrorCode, kind: type[AdminError]) -> None:
    def act(connection: socket.socket) -> None:
        connection.sendall(encode(ErrorReply(code=code, message="That is so.")))

    with pytest.raises(AdminError, match=r"^That is so\.$") as caught:
        ask_a_server_that(act, tmp_path / SOCKET_FILE_NAME)
    assert type(caught.value) is kind
