"""The recorder against servers that do what servers should not."""

import asyncio
import errno
import json
import socket
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from finalex.protocol.streams import Stream
from finalex.recorder import recorder
from finalex.recorder.file import RecordingFile
from finalex.recorder.received import Received
from finalex.recorder.recorder import RecorderError, RecordingStartError
from recorder.taping import BOOK, TRADES, Taping, acting, closing, sending, stop, vanishing
from support.streams import connected, line, snapshot, trade, update


def error(code: str, details: str, request: str | None = None) -> bytes:
    data = {"code": code, "message": "No", "details": details}
    return line({"id": request, "type": "error", "data": data}, 0)


def trade_came(number: int) -> Callable[[Received], bool]:
    return lambda message: message.type == "trade" and message.data.trade_id == str(number)


async def fails(taping: Taping, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        await taping.run()
    return str(caught.value)


# --- what is asked for, and what is written ---


async def test_everything_is_subscribed_to_one_by_one_and_written_between_two_marks(tmp_path: Path) -> None:
    async with acting(sending(connected(), trade(1), snapshot(5))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES, BOOK])
        await taping.run_until(lambda message: message.type == "orderbook_snapshot")
    assert server.requests == [
        {"id": "record-1", "method": "subscribe", "params": {"channel": "trades", "symbol": "BTC/USDT"}},
        {
            "id": "record-2",
            "method": "subscribe",
            "params": {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 1000},
        },
    ]
    assert server.closed == [1000]
    assert taping.kinds() == ["started", "connected", "trade", "orderbook_snapshot", "ended"]
    assert taping.messages()[0]["data"]["subscriptions"] == [TRADES.params(), BOOK.params()]
    assert taping.told == []


async def test_the_mark_shows_the_address_without_its_query(tmp_path: Path) -> None:
    async with acting(sending(connected(), trade(1))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES], "?token=secret")
        await taping.run_until(trade_came(1))
    assert taping.messages()[0]["data"]["url"] == f"ws://127.0.0.1:{server.port}/"
    assert b"secret" not in taping.path.read_bytes()


async def test_a_message_in_several_frames_is_one_line(tmp_path: Path) -> None:
    async def in_pieces(connection: ServerConnection) -> None:
        text = trade(1).partition(b" ")[2].strip().decode()
        await connection.send([text[:10], text[10:50], text[50:]])

    async with acting(in_pieces) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(1))
    assert taping.kinds() == ["started", "trade", "ended"]


# --- a start that fails ---


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    taping = Taping(tmp_path / "a", port, [TRADES], "?token=secret")
    sentence = await fails(taping, RecordingStartError)
    assert sentence == f"Cannot connect to ws://127.0.0.1:{port}/: connection refused."


async def test_a_server_that_refuses_the_handshake_is_said(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "later")

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sentence = await fails(Taping(tmp_path / "a", port, [TRADES]), RecordingStartError)
    assert sentence == f"Cannot connect to ws://127.0.0.1:{port}/: the server answers with HTTP 429."


async def test_a_subscription_that_is_refused_ends_a_recording_that_has_not_begun(tmp_path: Path) -> None:
    refusal = error("INVALID_SYMBOL", "'XTC/USDT' is not listed", "record-2")
    async with acting(sending(connected(), trade(1), refusal)) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES, Stream("orderbook", "XTC/USDT", depth=1000)])
        sentence = await fails(taping, RecordingStartError)
    assert sentence == (
        "The server refuses the subscription 'orderbook XTC/USDT 1000': INVALID_SYMBOL: 'XTC/USDT' is not listed."
    )


async def test_credentials_that_are_refused_end_it_with_what_the_server_said(tmp_path: Path) -> None:
    refusal = error("INVALID_TOKEN", "the token is not valid")
    async with acting(closing(3000, refusal)) as server:
        sentence = await fails(Taping(tmp_path / "a", server.port, [TRADES]), RecordingStartError)
    assert sentence.endswith("the server closed the connection (3000); it said INVALID_TOKEN: the token is not valid.")


# --- a connection that is lost ---


async def test_a_lost_connection_is_marked_made_again_and_subscribed_again(tmp_path: Path) -> None:
    async def dying(connection: ServerConnection) -> None:
        await sending(connected(), trade(1))(connection)
        await connection.recv()
        await vanishing(connection)

    async with acting(dying, sending(connected(), trade(4))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(4))
    assert taping.kinds() == ["started", "connected", "trade", "disconnected", "connected", "trade", "ended"]
    assert taping.pauses == [1.0]
    assert [request["id"] for request in server.requests] == ["record-1"]
    assert (taping.intake.counts.disconnects, taping.intake.counts.gaps) == (1, 1)
    assert taping.told == [
        f"ws://127.0.0.1:{server.port}/: the connection was lost; connecting again.",
        "Something is missing: trades BTC/USDT: 2 missing before trade 4.",
    ]


async def test_pauses_grow_while_nothing_comes_and_begin_anew_when_something_did(tmp_path: Path) -> None:
    served, later = closing(1012, connected(), trade(1)), sending(connected(), trade(2))
    async with acting(served, *[vanishing] * 6, served, vanishing, later) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(2))
    assert taping.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 1.0, 2.0]
    assert taping.kinds().count("disconnected") == 2


async def test_a_server_that_goes_down_says_when_to_come_back(tmp_path: Path) -> None:
    status = {"status": "closing", "server_time": 1, "reconnect_after_ms": 7_500}
    goodbye = line({"id": "s", "type": "connection_status", "data": status}, 0)
    endless = line({"id": "s", "type": "connection_status", "data": status | {"reconnect_after_ms": 10**9}}, 0)
    parts = (closing(1012, trade(1), goodbye), closing(1012, trade(2), endless), sending(trade(3)))
    async with acting(*parts) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(3))
    assert taping.pauses == [7.5, 30.0]


async def test_a_frame_that_breaks_the_protocol_costs_the_connection_and_no_more(tmp_path: Path) -> None:
    async def binary(connection: ServerConnection) -> None:
        await sending(connected(), trade(1))(connection)
        await connection.send(b"\x00")

    async with acting(binary, sending(trade(2))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(2))
    assert "broke the protocol" in taping.told[0]


async def test_a_subscription_that_is_refused_later_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    refusal = error("SUBSCRIPTION_LIMIT", "too many", "record-1")
    async with acting(closing(1012, trade(1)), sending(refusal, trade(2))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        await taping.run_until(trade_came(2))
    assert taping.told[-1] == "The server says SUBSCRIPTION_LIMIT: too many."


async def test_credentials_that_have_expired_end_the_recording_with_what_is_there(tmp_path: Path) -> None:
    expired = error("INVALID_TOKEN", "the credentials have expired")
    async with acting(closing(3000, connected(), trade(1), expired)) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        sentence = await fails(taping, RecorderError)
    assert sentence.endswith("it said INVALID_TOKEN: the credentials have expired.")
    assert taping.kinds() == ["started", "connected", "trade", "error", "ended"]


# --- what is missing ---


async def test_a_book_with_a_gap_is_asked_for_once_more(tmp_path: Path) -> None:
    async def losing(connection: ServerConnection) -> None:
        subscriptions = [json.loads(await connection.recv()) for _ in range(2)]
        await sending(snapshot(4), update(6), update(7), update(8))(connection)
        assert json.loads(await connection.recv()) == subscriptions[1]
        await sending(snapshot(8), update(9), trade(1))(connection)

    async with acting(losing) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES, BOOK])
        await taping.run_until(trade_came(1))
    assert taping.intake.counts.gaps == 1
    assert taping.told == ["Something is missing: orderbook BTC/USDT: update 6 follows 4."]
    assert server.requests == []


async def test_a_recording_goes_on_if_a_book_that_is_asked_for_once_more_is_refused(tmp_path: Path) -> None:
    async def refusing(connection: ServerConnection) -> None:
        subscriptions = [json.loads(await connection.recv()) for _ in range(2)]
        await sending(snapshot(4), update(6))(connection)
        assert json.loads(await connection.recv()) == subscriptions[1]
        await sending(error("RATE_LIMIT_EXCEEDED", "too much", "record-2"), trade(1))(connection)

    async with acting(refusing) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES, BOOK])
        await taping.run_until(trade_came(1))
    assert taping.told[-1] == "The server says RATE_LIMIT_EXCEEDED: too much."


# --- a file that cannot be written ---


@pytest.mark.parametrize("method", ["write", "flush"])
async def test_a_full_disk_ends_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    full = asyncio.Event()

    async def play(connection: ServerConnection) -> None:
        await sending(connected(), trade(1))(connection)
        await full.wait()
        await sending(trade(2))(connection)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder, "FLUSH_INTERVAL_S", 0.01)
    async with acting(play) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES])
        task = asyncio.create_task(taping.run())
        await taping.until(lambda: any(map(trade_came(1), taping.intake.seen)), task)
        taping.intake.flush()
        with monkeypatch.context() as patch:
            patch.setattr(RecordingFile, method, fail)
            full.set()
            with pytest.raises(OSError, match="No space left"):
                await task
    assert taping.kinds() == ["started", "connected", "trade"]


async def test_a_recording_that_is_stopped_between_two_connections_ends_in_order(tmp_path: Path) -> None:
    async with acting(closing(1012, trade(1))) as server:
        taping = Taping(tmp_path / "a", server.port, [TRADES], patient=True)
        task = asyncio.create_task(taping.run())
        await taping.pausing.wait()
        await stop(task)
    assert taping.kinds() == ["started", "trade", "disconnected", "ended"]
