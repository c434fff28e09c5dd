"""Lines hold back everything while they are cut, lose nothing by it, and lead to whoever is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from cluster.faults.lines import Line
from cluster.faults.recovery_times import Recovery, RecoveryTimes
from cluster.faults.roles import held_port

WAIT_S = 30.0


class Listener:
    """Hears one line from each connection, and answers with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while text := await reader.readline():
                self.heard.put_nowait(text.decode().strip())
                writer.write(self.name.encode() + b"\n")


@asynccontextmanager
async def listening(listener: Listener, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(listener.take, "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def say(port: int, text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode() + b"\n")
    return reader, writer


async def test_what_is_said_on_a_cut_line_arrives_when_it_is_mended() -> None:
    listener = Listener("only")
    async with asyncio.timeout(WAIT_S), listening(listener) as port, Line([port]) as line:
        reader, writer = await say(line.port, "before")
        assert await reader.readline() == b"only\n"
        line.cut()
        writer.write(b"meanwhile\n")
        _, late = await say(line.port, "new")
        _, around = await say(port, "around")
        assert [await listener.heard.get(), await listener.heard.get()] == ["before", "around"]
        line.mend()
        assert {await listener.heard.get(), await listener.heard.get()} == {"meanwhile", "new"}
        for each in (writer, late, around):
            each.close()


async def test_a_line_leads_elsewhere_while_its_first_target_is_away_and_then_home() -> None:
    home, other = Listener("home"), Listener("other")
    with held_port() as held:
        home_port = held.getsockname()[1]
        async with asyncio.timeout(WAIT_S), listening(other) as other_port, Line([home_port, other_port]) as line:
            reader, astray = await say(line.port, "hello")
            assert await reader.readline() == b"other\n"
            async with listening(home, home_port):
                line.lead_home()
                assert await reader.read() == b""
                reader, writer = await say(line.port, "hello")
                assert await reader.readline() == b"home\n"
                line.lead_home()
                writer.write(b"again\n")
                assert await reader.readline() == b"home\n"
                for each in (astray, writer):
                    each.close()


def test_times_are_a_table_of_medians_and_worst() -> None:
    times = RecoveryTimes()
    for first_s, each_s in ((1.0, 2.0), (3.0, 4.0), (2.0, 9.0)):
        times.note("engine killed", Recovery(first_s, each_s))
    assert times.table().splitlines()[-1] == "| engine killed | 3 | 2.00 s | 3.00 s | 4.00 s | 9.00 s |"
