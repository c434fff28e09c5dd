"""aiohttp's server side of WebSocket, on uvloop, without compression: each message is encoded once and sent to each."""

import asyncio

from aiohttp import WSMsgType, web

from bench.fanout.peers.streams import ANSWER, Streams, announce, port, run


class Switch:
    """Has the connections of every stream."""

    def __init__(self) -> None:
        self._streams = Streams()
        self._members: dict[int, list[web.WebSocketResponse]] = {}

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Do what one client, or the trigger, says."""
        connection = web.WebSocketResponse(compress=False)
        await connection.prepare(request)
        async for message in connection:
            verb, *words = message.data.split()
            if verb == "t":
                await self._tick(words)
            else:
                for stream in map(int, words):
                    self._members.setdefault(stream, []).append(connection)
                await connection.send_str(ANSWER)
        return connection

    async def _tick(self, words: list[str]) -> None:
        """Send with `send_frame`, which is `send_str` for those who have the bytes already."""
        for stream, message in self._streams.tick(words):
            for member in self._members.get(stream, ()):
                await member.send_frame(message, WSMsgType.TEXT)


async def serve() -> None:
    """Serve until cancelled."""
    application = web.Application()
    application.router.add_get("/{path:.*}", Switch().handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port(), backlog=1024)
    await site.start()
    announce(runner.addresses[0][1])
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    run(serve())
