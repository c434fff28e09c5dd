"""The admin server over real sockets: good requests, bad ones, faults, and its end."""

import asyncio
from pathlib import Path

import pytest

from admin.desk import WAIT_S, Desk, Exchange, connected, listening, operated, served
from finalex.admin.errors import AdminError, NoServerError
from finalex.admin.messages import LINE_BYTES_MAX, AnyRequest, ClosedReply, CloseKey, Reply, ShowStatus, StatusReply
from finalex.admin.server import AdminServer
from finalex.admin.socket_file import SOCKET_FILE_NAME

STATUS = {"request": "show_status"}
CREDIT = {"request": "credit_account", "user": "alice", "currency": "BTC", "amount": "1.5", "reference": "r1"}


async def closed(_request: AnyRequest) -> Reply:
    return ClosedReply(connections=0)


# --- good requests ---


async def test_a_request_is_answered(desk: Desk) -> None:
    async with desk.peer() as peer:
        peer.send(CREDIT)
        balance = {"currency": "BTC", "available": "1.50000000", "locked": "0.00000000", "total": "1.50000000"}
        assert await peer.receive() == {
            "reply": "booked",
            "user": "alice",
            "amount": "1.50000000",
            "reference": "r1",
            "earlier": False,
            "balance": balance,
        }


async def test_the_requests_of_a_connection_are_answered_in_order(desk: Desk) -> None:
    async with desk.peer() as peer:
        for message in (STATUS, {"request": "close_key", "key": "k"}, STATUS):
            peer.send(message)
        assert [(await peer.receive())["reply"] for _ in range(3)] == ["status", "closed", "status"]


async def test_requests_sent_together_and_in_pieces_are_the_same(desk: Desk) -> None:
    async with desk.peer() as peer:
        peer.send(b'{"request":"show_status"}\n{"request":"show_')
        assert (await peer.receive())["reply"] == "status"
        peer.send(b'status"}\n')
        assert (await peer.receive())["reply"] == "status"


async def test_connections_are_answered_at_once_while_another_waits(desk: Desk) -> None:
    desk.exchange.hold = True
    async with desk.peer() as waiting, desk.peer() as other:
        waiting.send(CREDIT)
        other.send(STATUS)
        assert (await other.receive())["reply"] == "status"
        await desk.exchange.taken()
        desk.exchange.sync()
        assert (await waiting.receive())["reply"] == "booked"


async def test_a_change_is_answered_when_it_is_durable_and_not_before(desk: Desk) -> None:
    desk.exchange.hold = True
    async with desk.peer() as peer:
        peer.send(CREDIT)
        answer = asyncio.create_task(peer.receive())
        await desk.exchange.taken()
        async with desk.peer() as other:  # a whole round trip later
            other.send(STATUS)
            await other.receive()
        assert not answer.done()
        desk.exchange.sync()
        assert (await answer)["reply"] == "booked"


async def test_many_requests_at_once_are_each_done_once(desk: Desk) -> None:
    async def credit(number: int) -> str:
        async with desk.peer() as peer:
            reply = None
            for _ in range(5):
                peer.send(CREDIT | {"amount": "1", "reference": f"r{number % 5}"})
                reply = await peer.receive()
            assert reply is not None
            return str(reply["reply"])

    assert await asyncio.gather(*map(credit, range(10))) == ["booked"] * 10
    assert desk.exchange.seen.balance("alice", "BTC").available == 5 * 10**8


# --- bad requests ---

GARBAGE = {
    "not JSON": b"hello\n",
    "nothing": b"\n",
    "no object": b"[1]\n",
    "an unknown request": b'{"request":"fly"}\n',
    "wrong types": b'{"request":"show_account","user":5}\n',
    "null bytes": b"\0\0\0\n",
    "no UTF-8": b'{"request":"\xff"}\n',
    "deep nesting": b"[" * (LINE_BYTES_MAX - 1) + b"\n",
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_gets_an_error_and_the_connection_lives_on(desk: Desk, line: bytes) -> None:
    async with desk.peer() as peer:
        peer.send(line)
        reply = await peer.receive()
        assert (reply["reply"], reply["code"]) == ("error", "invalid_request")
        assert "\n" not in reply["message"]
        peer.send(STATUS)
        assert (await peer.receive())["reply"] == "status"


@pytest.mark.parametrize("length", [LINE_BYTES_MAX + 1, 1_000_000])
async def test_a_request_that_is_too_long_ends_its_connection(desk: Desk, length: int) -> None:
    async with desk.peer() as peer:
        peer.send(b"x" * length)
        reply = await peer.receive()
        assert reply["message"] == "The request is too long: it has at most 4096 bytes."
        assert await peer.receive() is None
    assert await desk.ask(ShowStatus(), StatusReply)


async def test_the_longest_request_is_understood(desk: Desk) -> None:
    line = b'{"request":"show_status"' + b" " * (LINE_BYTES_MAX - 26) + b"}\n"
    assert len(line) == LINE_BYTES_MAX
    async with desk.peer() as peer:
        peer.send(line)
        assert (await peer.receive())["reply"] == "status"


@pytest.mark.parametrize("half", [b"", b'{"request":"credit_', b'{"request":"close_key","key":"k"}'])
async def test_half_a_request_is_not_carried_out(desk: Desk, half: bytes) -> None:
    async with desk.peer() as peer:
        peer.send(half)
        peer.writer.write_eof()
        assert await peer.receive() is None
    assert desk.closed_keys == []


async def test_a_peer_that_leaves_before_its_answer_disturbs_nobody(desk: Desk) -> None:
    desk.exchange.hold = True
    async with desk.peer() as peer:
        peer.send(CREDIT)
        await desk.exchange.taken()
    desk.exchange.sync()
    assert await desk.ask(ShowStatus(), StatusReply)
    assert desk.exchange.seen.balance("alice", "BTC").available == 150_000_000


# --- faults of our own ---


async def test_a_fault_in_a_request_is_answered_and_the_server_lives_on(tmp_path: Path) -> None:
    async def handle(request: AnyRequest) -> Reply:
        if isinstance(request, CloseKey):
            raise RuntimeError("a secret")  # noqa: TRY004 (any fault does)
        return ClosedReply(connections=0)

    async with served(tmp_path, handle), connected(tmp_path / SOCKET_FILE_NAME) as peer:
        peer.send({"request": "close_key", "key": "k"})
        reply = await peer.receive()
        assert (reply["code"], reply["message"]) == ("failed", "The server failed: whether it was done is not known.")
        peer.send(STATUS)
        assert (await peer.receive())["reply"] == "closed"


# --- beginning and end ---


async def test_a_second_server_on_the_same_directory_does_not_start(desk: Desk) -> None:
    second = AdminServer(desk.path, closed)
    with pytest.raises(AdminError, match="Another server runs on the data directory"):
        await second.start()
    await second.stop()
    assert await desk.ask(ShowStatus(), StatusReply)


async def test_a_server_that_stopped_makes_room_for_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        async with operated(tmp_path) as desk:
            assert await desk.ask(ShowStatus(), StatusReply)
        with pytest.raises(NoServerError):
            await desk.ask(ShowStatus(), StatusReply)


async def test_stopping_disconnects_who_waits_for_nothing(desk: Desk) -> None:
    async with desk.peer() as peer:
        peer.send(STATUS)
        await peer.receive()
        await desk.server.stop()
        assert await peer.receive() is None
        assert not listening(desk.path)


async def test_what_is_being_carried_out_is_still_answered(desk: Desk) -> None:
    desk.exchange.hold = True
    async with desk.peer() as peer:
        peer.send(CREDIT)
        await desk.exchange.taken()
        stopping = asyncio.create_task(desk.server.stop(WAIT_S))
        await asyncio.sleep(0)
        assert not listening(desk.path)
        desk.exchange.sync()
        assert (await peer.receive())["reply"] == "booked"
        assert await peer.receive() is None
        await stopping


async def test_what_never_ends_does_not_keep_the_server_from_stopping(desk: Desk) -> None:
    desk.exchange.hold = True
    async with desk.peer() as peer:
        peer.send(CREDIT)
        await desk.exchange.taken()
        await desk.server.stop(0)
        assert await peer.receive() is None


async def test_an_outcome_that_comes_after_the_end_is_no_fault(tmp_path: Path) -> None:
    exchange: Exchange
    async with operated(tmp_path) as desk, desk.peer() as peer:
        exchange = desk.exchange
        exchange.hold = True
        peer.send(CREDIT)
        await exchange.taken()
    exchange.sync()
    assert exchange.seen.exists("alice")
