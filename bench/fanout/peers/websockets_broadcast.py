"""`websockets` with its own `broadcast()`, on uvloop, without compression."""

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as serve_websockets

from bench.fanout.peers.streams import ANSWER, Streams, announce, port, run


class Switch:
    """Has the connections of every stream."""

    def __init__(self) -> None:
        self._streams = Streams()
        self._members: dict[int, list[ServerConnection]] = {}

    async def handle(self, connection: ServerConnection) -> None:
        """Do what one client, or the trigger, says."""
        async for message in connection:
            verb, *words = str(message).split()
            if verb == "t":
                self._tick(words)
            else:
                for stream in map(int, words):
                    self._members.setdefault(stream, []).append(connection)
                await connection.send(ANSWER)

    def _tick(self, words: list[str]) -> None:
        for stream, message in self._streams.tick(words):
            broadcast(self._members.get(stream, ()), message, text=True)


async def serve() -> None:
    """Serve until cancelled; pings are off, they are not what is measured."""
    server = await serve_websockets(
        Switch().handle, "127.0.0.1", port(), compression=None, ping_interval=None, backlog=1024
    )
    announce(next(iter(server.sockets)).getsockname()[1])
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    run(serve())
