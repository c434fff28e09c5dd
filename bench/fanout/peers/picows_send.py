"""Bare picows as its documentation shows it: one `send` for each message and connection."""

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.fanout.peers.streams import ANSWER, Streams, announce, port, run


class Connection(WSListener):
    """One client, or the trigger; `members` has the connections of every stream."""

    def __init__(self, streams: Streams, members: dict[int, list[WSTransport]]) -> None:
        self._streams = streams
        self._members = members

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Do what the text says."""
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        if frame.msg_type is not WSMsgType.TEXT:
            return
        verb, *words = frame.get_payload_as_ascii_text().split()
        if verb == "t":
            self._tick(words)
        else:
            for stream in map(int, words):
                self._members.setdefault(stream, []).append(transport)
            transport.send(WSMsgType.TEXT, ANSWER.encode())

    def _tick(self, words: list[str]) -> None:
        text = WSMsgType.TEXT
        for stream, message in self._streams.tick(words):
            for member in self._members.get(stream, ()):
                member.send(text, message)


async def serve() -> None:
    """Serve until cancelled."""
    streams, members = Streams(), dict[int, list[WSTransport]]()

    def connect(request: WSUpgradeRequest) -> Connection:
        return Connection(streams, members)

    server = await ws_create_server(
        connect, "127.0.0.1", port(), read_buffer_init_size=2048, use_aiofastnet=False, backlog=1024
    )
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    run(serve())
