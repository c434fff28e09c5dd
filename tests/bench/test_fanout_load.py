"""The load generator finds everything that a server can do wrong to its clients' messages."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.fanout.build import build, compiler
from bench.fanout.plan import Course, Server, encode_plan
from bench.fanout.target import Small
from bench.fanout.workloads import Audience

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler for the load generator")

ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
PING, PONG = b"\x89\x00", 0x8A
TICKS = (((0, 60), (1, 200), (0, 60)), ((1, 60),))
CLIENTS = 4
TICKS_BEFORE_FAULT = 5

Fault = Callable[[list[bytes]], list[bytes]]
"""What is done, for one client, to the frames of a tick of three messages, the first and the last of one stream."""


class SmallServer:
    """Speaks the peers' small protocol; does `fault` to one tick of the last client.

    With `pinging` clients get a ping when they have subscribed, and another for each answer.
    """

    def __init__(self, fault: Fault | None, *, pinging: bool) -> None:
        self._fault = fault
        self._pinging = pinging
        self._clients: list[asyncio.StreamWriter] = []
        self._numbers = [0, 0]
        self._ticks = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ACCEPT)
            while True:
                opcode, payload = await self._read_frame(reader)
                if opcode == PONG:
                    writer.write(PING)
                else:
                    self._receive(payload.split(), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _read_frame(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        opcode, size = await reader.readexactly(2)
        return opcode, (await reader.readexactly(4 + (size & 0x7F)))[4:]

    def _receive(self, words: list[bytes], writer: asyncio.StreamWriter) -> None:
        if words[0] == b"s":
            self._clients.append(writer)
            writer.write(b"\x81\x02ok" + PING * self._pinging)
        else:
            self._distribute([int(word) for word in words[1:]])

    def _distribute(self, pairs: list[int]) -> None:
        frames = [self._frame(stream, size) for stream, size in zip(pairs[::2], pairs[1::2], strict=True)]
        self._ticks += 1
        for client in self._clients[:-1]:
            client.write(b"".join(frames))
        if self._fault is not None and self._ticks > TICKS_BEFORE_FAULT and len(frames) > 1:
            frames, self._fault = self._fault(frames), None
        self._clients[-1].write(b"".join(frames))

    def _frame(self, stream: int, size: int) -> bytes:
        self._numbers[stream] += 1
        head = f'{{"id":"s{stream}:{self._numbers[stream]}","pad":"'.encode()
        text = head + b"x" * (size - len(head) - 2) + b'"}'
        header = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
        return header + text


@asynccontextmanager
async def serving(fault: Fault | None, *, pinging: bool) -> AsyncIterator[int]:
    server = await asyncio.start_server(SmallServer(fault, pinging=pinging).serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the load generator, compiled."""
    return build("load", tmp_path_factory.mktemp("bench"))


async def load(
    program: Path, fault: Fault | None = None, *, pinging: bool = False, **course: Any
) -> tuple[int, dict[str, Any], str]:
    """Put load on a server, and return the exit code, the report and what was said to go wrong."""
    async with serving(fault, pinging=pinging) as port:
        plan = encode_plan(
            Small(TICKS),
            [Audience(CLIENTS - 1, (0, 1)), Audience(1, (1, 0))],
            TICKS,
            Server(port, port, (os.getpid(),)),
            Course(0.02, (0.1, 0.2), **course),
        )
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(program, "/dev/stdin", stdin=pipe, stdout=pipe, stderr=pipe)
        output, errors = await process.communicate(plan)
    lines = output.splitlines()
    assert process.returncode is not None
    return process.returncode, json.loads(lines[-1]) if lines else {}, errors.decode()


@pytest.mark.parametrize("rate", [0.0, 200.0])
async def test_a_sound_server_has_a_result(program: Path, rate: float) -> None:
    code, report, errors = await load(program, rate=rate)

    assert (code, errors) == (0, "")
    assert report["sustained"]
    assert report["ticks"] > 0
    assert report["messages"] > 0
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"] <= report["latency_us"]["max"]
    assert [phase["phase"] for phase in report["phases"]] == [0, 1]


async def test_every_message_of_a_tick_is_counted_for_every_client(program: Path) -> None:
    _, report, _ = await load(program, window=1)

    per_cycle = CLIENTS * sum(map(len, TICKS))
    assert report["messages"] == pytest.approx(report["ticks"] / len(TICKS) * per_cycle, abs=per_cycle)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (lambda frames: frames[1:], "client 3: of s0: came .* lost, doubled or reordered"),
        (lambda frames: [frames[2], frames[1], frames[0]], "client 3: of s0: came .* lost, doubled or reordered"),
        (lambda frames: [*frames, frames[-1]], "client 3: of s0: came .* lost, doubled or reordered"),
        (lambda frames: [frames[0].replace(b"x", b"y", 1), *frames[1:]], "client 3 got other messages of s0"),
        (lambda frames: [*frames, b"\x81\x02{}"], "client 3 got what it did not ask for"),
        (lambda frames: [*frames, b"\x88\x02\x0f\xa0"], "client 3 was closed with 4000"),
        (lambda frames: [b"\x01" + frames[0][1:], *frames[1:]], "fragmented"),
    ],
    ids=["lost", "reordered", "doubled", "changed", "unasked", "closed", "fragmented"],
)
async def test_what_a_server_does_wrong_fails_the_run(program: Path, fault: Fault, complaint: str) -> None:
    code, report, errors = await load(program, fault)

    assert code == 1
    assert "ticks" not in report
    assert re.search(complaint, errors)


async def test_clients_can_come_and_go(program: Path) -> None:
    code, report, errors = await load(program, rate=100.0, special_share=1 / 3, churn_per_s=50.0)

    assert (code, errors) == (0, "")
    assert report["reconnects"] > 0


async def test_pings_are_answered_and_do_not_keep_a_run_from_its_end(program: Path) -> None:
    code, report, errors = await load(program, pinging=True, rate=100.0)

    assert (code, errors) == (0, "")
    assert report["messages"] > 0
