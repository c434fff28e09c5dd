"""A double for tests of what uses the client: a server in memory that does what a test says, and fails as it says.

server = FakeServer()
async with connect("ws://test", token="any", opener=server.open, backoff=Backoff(first_ms=1)) as client:
    trades = client.trades("BTC/USDT")
    server.trade("BTC/USDT", "100.00", "0.5")
    server.drop()
    server.trade("BTC/USDT", "101.00", "0.5")  # the client comes back and gets both
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from itertools import count

import msgspec

from finalex.client.errors import ConnectionFailedError
from finalex.client.link import Receiver
from finalex.client.testing_faults import FlakyOpener
from finalex.client.testing_market import FakeMarket, Message
from finalex.protocol.errors import CloseCode, ErrorCode

__all__ = ["FakeServer", "FlakyOpener"]

_encode = msgspec.json.Encoder().encode


class FakeServer(FakeMarket):
    """A server without sockets; `open` is the opener to give to `connect`.

    It knows every symbol, takes any credentials unless `refuse_credentials` is called, and accepts every limit order,
    which then stays open until `fill` or a cancel. `requests` are all that clients have sent, `connections` counts the
    connections that were made. Nothing happens by itself, and no order book is narrowed to a depth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Message] = []
        self.connections = 0
        self._link: FakeLink | None = None
        self._refusals = 0
        self._credentials_refused = False
        self._replies_lost = 0

    async def open(self, url: str, headers: Mapping[str, str], receiver: Receiver) -> None:  # noqa: ARG002
        """See `finalex.client.link.Opener`; a further connection ends the one before."""
        await asyncio.sleep(0)
        if self._refusals:
            self._refusals -= 1
            raise ConnectionFailedError("the double refuses this connection")
        if self._link is not None:
            self._link.abort()
        self.connections += 1
        self.subscribed.clear()
        self._link = FakeLink(self, receiver)
        receiver.opened(self._link)
        if self._credentials_refused:
            self._error(None, ErrorCode.INVALID_TOKEN, "the double refuses these credentials")
            self.drop(CloseCode.UNAUTHORIZED, after_all=True)
        else:
            limits = {"subscriptions_remaining": 100, "private_subscriptions_remaining": 50, "connections_remaining": 9}
            self._reply(None, "connection_status", {"status": "connected", "server_time": 0, "rate_limits": limits})

    # --- faults -----------------------------------------------------------------------------------------

    def drop(self, code: int | None = None, *, after_all: bool = False) -> None:
        """End the connection with a close code, or without one; what is on its way is lost, unless `after_all`."""
        if self._link is not None:
            self._link.end(code, after_all=after_all)
            self._link = None

    def drop_after(self, messages: int) -> None:
        """End the connection when so many more messages have arrived."""
        if self._link is not None:
            self._link.left = messages

    def refuse_connections(self, times: int) -> None:
        """Let the next so many connections fail."""
        self._refusals = times

    def refuse_credentials(self) -> None:
        """From now on answer every new connection with `INVALID_TOKEN` and close code 3000."""
        self._credentials_refused = True

    def lose_replies(self, times: int = 1) -> None:
        """Carry out the next so many orders and cancels, and end the connection instead of replying."""
        self._replies_lost = times

    def restart(self, after_ms: int) -> None:
        """Say that the server closes, and when to come back; then end the connection with 1012."""
        self._reply(None, "connection_status", {"status": "closing", "server_time": 0, "reconnect_after_ms": after_ms})
        self.drop(CloseCode.SERVICE_RESTART, after_all=True)

    def say(self, text: bytes) -> None:
        """Send any text."""
        if self._link is not None:
            self._link.deliver(text)

    def expire_token(self) -> None:
        """Say that the token ends soon."""
        self._reply(None, "connection_status", {"status": "token_expiring", "server_time": 0})

    # --- requests ---------------------------------------------------------------------------------------

    def take(self, text: bytes) -> None:
        """Carry out a request of the client."""
        request: Message = msgspec.json.decode(text)
        self.requests.append(request)
        method, params = request["method"], request.get("params", {})
        match method:
            case "subscribe":
                self._subscribe(request["id"], params["subscriptions"])
            case "unsubscribe":
                self.leave(params)
                self._reply(request["id"], "unsubscribed", params)
            case "ping":
                self._reply(request["id"], "pong", {"server_time": 0})
            case "auth":
                self._reply(request["id"], "authenticated", {"user": "user", "scopes": [], "expires_at": None})
            case _:
                self._trade(request["id"], method, params)

    def _subscribe(self, request_id: str, items: list[Message]) -> None:
        openings = [self.join(item) for item in items]
        self._reply(request_id, "subscribed", {"results": [result for result, _ in openings]})
        for _, opening in openings:
            for message in opening:
                self.publish(message)

    def _trade(self, request_id: str, method: str, params: Message) -> None:
        kind, data = self.carry_out(method, params)
        if self._replies_lost:
            self._replies_lost -= 1
            self.drop()
        elif kind == "error":
            self._error(request_id, data["code"], data["details"], data.get("reason"))
        else:
            self._reply(request_id, kind, data)

    def _error(self, request_id: str | None, code: str, details: str, reason: str | None = None) -> None:
        data = {"code": code, "message": code, "details": details} | ({"reason": reason} if reason else {})
        self._reply(request_id, "error", data)

    def _reply(self, request_id: str | None, kind: str, data: Message) -> None:
        reply = {"id": request_id or f"server-{next(self._numbers)}", "type": kind, "data": data, "timestamp": 0}
        self.say(_encode(reply))

    def publish(self, message: Message) -> None:
        """Send a message of a channel."""
        self.say(_encode({**message, "timestamp": 0}))

    _numbers = count(1)


class FakeLink:
    """The connection of a `FakeServer`: what is sent arrives in a later turn of the loop, in order."""

    def __init__(self, server: FakeServer, receiver: Receiver) -> None:
        self.left: int | None = None
        self._server = server
        self._receiver = receiver
        self._over = False
        self._waiting: deque[bytes] = deque()
        self._paused = False

    def send(self, text: bytes) -> None:
        """See `Link.send`."""
        if not self._over:
            asyncio.get_running_loop().call_soon(self._arrive, text)

    def close(self) -> None:
        """See `Link.close`."""
        self.end(CloseCode.NORMAL, after_all=False)

    def abort(self) -> None:
        """See `Link.abort`."""
        self.end(None, after_all=False)

    def pause(self) -> None:
        """See `Link.pause`."""
        self._paused = True

    def resume(self) -> None:
        """See `Link.resume`."""
        self._paused = False
        asyncio.get_running_loop().call_soon(self._hand_over)

    def deliver(self, text: bytes) -> None:
        """Let a message be on its way to the client."""
        if self._over:
            return
        self._waiting.append(text)
        asyncio.get_running_loop().call_soon(self._hand_over)

    def end(self, code: int | None, *, after_all: bool) -> None:
        """End the connection; `after_all` lets arrive what is on its way."""
        if self._over:
            return
        while after_all and self._waiting:
            self._receiver.received(self._waiting.popleft())
        self._over = True
        self._waiting.clear()
        asyncio.get_running_loop().call_soon(self._receiver.ended, code)

    def _arrive(self, text: bytes) -> None:
        if not self._over:
            self._server.take(text)

    def _hand_over(self) -> None:
        while self._waiting and not self._paused and not self._over:
            self._receiver.received(self._waiting.popleft())
            if self.left is not None:
                self.left -= 1
                if not self.left:
                    self._server.drop()
