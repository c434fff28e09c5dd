"""The admin server over real sockets: slow peers, too many of them, and who may ask at all."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.desk import WAIT_S, Desk, Peer, operated, served
from finalex.admin import server as server_module
from finalex.admin.messages import AnyRequest, ClosedReply, Reply
from finalex.admin.server import AdminLimits
from finalex.admin.socket_file import SOCKET_FILE_NAME

STATUS = {"request": "show_status"}
CREDIT = {"request": "credit_account", "user": "alice", "currency": "BTC", "amount": "1.5", "reference": "r1"}


async def closed(_request: AnyRequest) -> Reply:
    return ClosedReply(connections=0)


# --- slow peers, and too many ---


async def test_a_peer_that_sends_nothing_is_disconnected(tmp_path: Path) -> None:
    async with operated(tmp_path, AdminLimits(patience_s=0.01)) as desk, desk.peer() as peer:
        assert await peer.receive() is None


async def flood(peer: Peer) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            peer.send(b"x\n" * 10_000)
            await peer.writer.drain()


async def test_a_peer_that_does_not_read_its_answers_is_disconnected(tmp_path: Path) -> None:
    async with operated(tmp_path, AdminLimits(patience_s=0.05)) as desk, desk.peer() as peer:
        with pytest.raises(ConnectionError):
            await flood(peer)


async def test_an_answer_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    async with operated(tmp_path, AdminLimits(answer_timeout_s=0.01)) as desk, desk.peer() as peer:
        desk.exchange.hold = True
        peer.send(CREDIT)
        reply = await peer.receive()
        assert (reply["code"], reply["message"]) == (
            "failed",
            "The server has not finished yet: whether it was done is not known.",
        )
        desk.exchange.sync()
        peer.send(CREDIT)
        desk.exchange.hold = False
        assert (await peer.receive())["earlier"] is True


async def test_one_connection_too_many_is_refused_and_one_that_leaves_makes_room(tmp_path: Path) -> None:
    limits = AdminLimits(connections_max=2)
    async with operated(tmp_path, limits) as desk, desk.peer() as first, desk.peer() as second:
        for peer in (first, second):
            peer.send(STATUS)
            assert (await peer.receive())["reply"] == "status"
        async with desk.peer() as third:
            assert (await third.receive())["code"] == "busy"
            assert await third.receive() is None
        second.writer.write_eof()
        assert await second.receive() is None
        async with desk.peer() as fourth:
            fourth.send(STATUS)
            assert (await fourth.receive())["reply"] == "status"


# --- who may ---


async def test_a_peer_that_may_not_operate_is_told_and_disconnected(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "may_operate", lambda user: user == os.geteuid() + 1)
    async with desk.peer() as peer:
        peer.send({"request": "close_key", "key": "k"})
        assert (await peer.receive())["code"] == "not_allowed"
        assert await peer.receive() is None
    assert desk.closed_keys == []


NOBODY = 65534

STRANGER = """
import encodings.idna, os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect(sys.argv[1])
    except OSError as error:
        print(type(error).__name__)
    else:
        print(connection.makefile().readline())
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody may enter."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_another_user_cannot_connect_and_is_refused_where_the_mode_lets_him(open_directory: Path) -> None:
    path = open_directory / SOCKET_FILE_NAME
    async with served(open_directory, closed):
        assert await asyncio.to_thread(stranger, path) == "PermissionError"
        os.chmod(path, 0o666)
        assert '"not_allowed"' in await asyncio.to_thread(stranger, path)


def stranger(path: Path) -> str:
    """Return what another user is told who connects."""
    command = [sys.executable, "-c", STRANGER, str(path), str(NOBODY)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
