"""Bare picows: the frames of a tick joined, one write to the transport for each connection that wants any of them.

Connections with the same set of streams share the joined bytes. Nothing else is done: this is what is left of the
product when the product is taken away.
"""

import asyncio

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.fanout.peers.streams import ANSWER, Streams, announce, frame, port, run


class Group:
    """The connections with exactly one set of streams, and the frames of the tick for them."""

    __slots__ = ("frames", "members")

    def __init__(self) -> None:
        self.members: list[asyncio.Transport] = []
        self.frames: list[bytes] = []


class Switch:
    """Finds the groups of a stream."""

    def __init__(self) -> None:
        self._streams = Streams()
        self._groups: dict[frozenset[int], Group] = {}
        self._listening: dict[int, list[Group]] = {}

    def subscribe(self, transport: asyncio.Transport, streams: frozenset[int]) -> None:
        """Add a connection; it subscribes once."""
        group = self._groups.get(streams)
        if group is None:
            group = self._groups[streams] = Group()
            for stream in streams:
                self._listening.setdefault(stream, []).append(group)
        group.members.append(transport)

    def tick(self, words: list[str]) -> None:
        """Send the messages of a tick."""
        touched = []
        for stream, message in self._streams.tick(words):
            framed = frame(message)
            for group in self._listening.get(stream, ()):
                if not group.frames:
                    touched.append(group)
                group.frames.append(framed)
        for group in touched:
            joined = b"".join(group.frames)
            group.frames.clear()
            for transport in group.members:
                transport.write(joined)


class Connection(WSListener):
    """One client, or the trigger."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Do what the text says."""
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        if frame.msg_type is not WSMsgType.TEXT:
            return
        verb, *words = frame.get_payload_as_ascii_text().split()
        if verb == "t":
            self._switch.tick(words)
        else:
            self._switch.subscribe(transport.underlying_transport, frozenset(map(int, words)))
            transport.send(WSMsgType.TEXT, ANSWER.encode())


async def serve() -> None:
    """Serve until cancelled."""
    switch = Switch()

    def connect(request: WSUpgradeRequest) -> Connection:
        return Connection(switch)

    server = await ws_create_server(
        connect, "127.0.0.1", port(), read_buffer_init_size=2048, use_aiofastnet=False, backlog=1024
    )
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    run(serve())
